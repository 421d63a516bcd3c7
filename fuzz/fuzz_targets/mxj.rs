//! XML as maps: no panic, and one root.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nephos_transform::mxj;

fuzz_target!(|xml: &str| {
    if let Ok(value) = mxj(xml) {
        assert_eq!(value.as_object().map(|root| root.len()), Some(1));
    }
});
