//! Buckets: an address, a file of profiles, a server's refusal; whatever of it is good is signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_world::bucket::{Address, Payload, Refusal, Signing, authorization, profile};

fuzz_target!(|data: &[u8]| {
    let refusal = Refusal::parse(data);
    assert!(refusal.to_string().chars().all(|c| !c.is_control()) && refusal.to_string().len() < 5000);
    let Some(split) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (line, rest) = (String::from_utf8_lossy(&data[..split]), &data[split + 1..]);
    let Ok(address) = line.parse::<Address>() else { return };
    let url = address.url("nar/x+y.nar");
    assert!(url.path.starts_with('/') && url.path.ends_with("nar/x%2By.nar"));
    // Nothing of it can be the end of a line in a request.
    assert!(url.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
    let Ok(who) = profile(rest, address.profile().unwrap_or("default")) else { return };
    let request = Signing {
        method: "PUT",
        url: &url,
        query: &[],
        headers: &[],
        payload: Payload::Empty,
        region: address.region(),
        time: 0,
    };
    for (_, value) in authorization(&request, &who) {
        assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
    }
});
