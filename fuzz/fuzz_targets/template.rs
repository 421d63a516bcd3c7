//! A template, a zero byte, and its data as JSON: no panic, and bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nephos_transform::{Limits, Template};
use serde_json::Value;

fuzz_target!(|input: &str| {
    let (source, data) = input.split_once('\0').unwrap_or((input, "{}"));
    let Ok(template) = Template::parse(source) else { return };
    let data = serde_json::from_str(data).unwrap_or_else(|_| Value::from(data));
    let limits = Limits { output: 1 << 16, steps: 20_000 };
    if let Ok(text) = template.render_within(&data, limits) {
        assert!(text.len() <= limits.output);
    }
});
