//! One running peer: the loop that feeds the engine and carries out its effects, and the control protocol by
//! which programs use it. Knows no screen and no command line.

pub mod client;
pub mod control;
pub mod journal;
