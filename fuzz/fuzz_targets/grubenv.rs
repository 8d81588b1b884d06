//! GRUB's environment block: what was read and is written is read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_boot::grub::env::Env;

fuzz_target!(|data: &[u8]| {
    if let Ok(env) = Env::parse(data)
        && let Ok(block) = env.render()
    {
        assert_eq!(Env::parse(&block).unwrap(), env);
    }
});
