//! No template runs away.

use nephos_transform::{Limits, Template};
use serde_json::json;

fn reason(source: &str, limits: Limits) -> String {
    let template = Template::parse(source).unwrap();
    template.render_within(&json!({"a": "0123456789"}), limits).unwrap_err().to_string()
}

#[test]
fn output_steps_and_memory_are_bounded() {
    let limits = Limits { output: 1000, steps: 10_000 };
    assert!(reason("{{range 1000}}xx{{end}}", limits).contains("longer than 1000 bytes"));
    assert!(reason("{{range 1000000000}}{{end}}", limits).contains("more than 10000 steps"));
    let doubling = "{{$x := .a}}{{range 64}}{{$x = printf \"%s%s\" $x $x}}{{end}}";
    assert!(reason(doubling, limits).contains("more than"));
    let many = "{{$x := .a}}{{range 1000}}{{$x = print $x}}{{end}}";
    assert!(reason(many, limits).contains("take more than 4000 bytes"));
    assert!(reason("{{printf \"%99999d\" 1}}", limits).contains("widths up to 1000"));
}

#[test]
fn depth_is_bounded_within_the_stack_of_a_thread() {
    let recursive = "{{define \"r\"}}{{if true}}{{with print (print (print 1))}}{{range 1}}\
                     {{template \"r\" .}}{{end}}{{end}}{{end}}{{end}}{{template \"r\" 1}}";
    let run = || reason(recursive, Limits::default());
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap();
    assert!(thread.join().unwrap().contains("deeper than"));
    let parens = format!("{{{{{}1{}}}}}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(Template::parse(&parens).unwrap_err().to_string().contains("deeper than"));
    let blocks = format!("{}{}", "{{if 1}}".repeat(10_000), "{{end}}".repeat(10_000));
    assert!(Template::parse(&blocks).unwrap_err().to_string().contains("deeper than"));
    // A long chain is not a deep one.
    let chain =
        format!("{{{{if false}}}}{}{{{{else}}}}y{{{{end}}}}", "{{else if false}}x".repeat(10_000));
    assert_eq!(Template::parse(&chain).unwrap().render(&json!(1)).unwrap(), "y");
}
