//! What the two ends of a build on another machine say to each other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_flows::remote::frame::{Frame, Stream, Writer, read};
use std::io::Write as _;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(Some(frame)) = read(&mut rest) {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out).expect("memory");
        match &frame {
            Frame::Message(json) => writer.message(json).expect("a vector takes every write"),
            Frame::Data(bytes) => {
                assert!(bytes.len() <= 1 << 20);
                let mut stream = Stream::new(&mut writer);
                stream.write_all(bytes).expect("a vector takes every write");
                stream.finish().expect("a vector takes every write");
            }
            Frame::Zeros(_) => continue,
        }
        drop(writer);
        let mut again = Vec::new();
        let mut sent = out.as_slice();
        while let Some(frame) = read(&mut sent).expect("what was written can be read") {
            match frame {
                Frame::Message(bytes) | Frame::Data(bytes) => again.extend(bytes),
                Frame::Zeros(len) => again.resize(again.len() + len as usize, 0),
            }
        }
        let (Frame::Message(bytes) | Frame::Data(bytes)) = frame else { continue };
        assert!(bytes == again);
    }
});
