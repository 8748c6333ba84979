//! Stub.
#[derive(Clone, Debug, Default)]
pub struct Channel {}
impl Channel {
    pub fn copy(&self, _text: &str) -> Vec<u8> {
        Vec::new()
    }
    pub fn notice(&self, _title: &str, _body: &str) -> Vec<u8> {
        Vec::new()
    }
    pub fn title(&self, _title: &str) -> Vec<u8> {
        Vec::new()
    }
}
