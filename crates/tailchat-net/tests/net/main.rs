//! Real sockets on the loopback interface, port 0 everywhere, every wait bounded. Knows only the public
//! interface.

mod dialing;
mod discovery;
mod ending;
mod frames;
mod hostile;
mod rig;
