//! How fast a list of Azure is flattened, natively and by its template:
//! `cargo run --release -p nephos-transform --example flatten`.
#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use std::time::Instant;

use nephos_transform::{AzureShape, Template};
use serde_json::json;

const LIST: &str = r#"{"value": [{{- range $i, $row := index . "value" }}{{ if $i }},{{ end }} { {{ $p := index $row "properties" }}{{ if eq (kindOf $p) "map" }}{{ range $k, $v := $p }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}{{ end }}{{ range $k, $v := $row }}{{ printf "%q" $k }}: {{ toJson $v }}, {{ end }}"_flattened": true } {{- end }} ], "nextLink": {{ toJson (index . "nextLink") }}}"#;

fn main() {
    let row = |i: usize| {
        json!({"id": format!("/subscriptions/0/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm{i}"),
            "name": format!("vm{i}"), "type": "Microsoft.Compute/virtualMachines", "location": "westeurope",
            "tags": {"env": "prod", "team": "a"},
            "properties": {"vmId": format!("{i:032x}"), "hardwareProfile": {"vmSize": "Standard_D2s_v5"},
                "storageProfile": {"osDisk": {"osType": "Linux", "diskSizeGB": 30, "name": "disk", "createOption": "FromImage"}, "dataDisks": []},
                "networkProfile": {"networkInterfaces": [{"id": "/subscriptions/0/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/nic"}]},
                "provisioningState": "Succeeded", "timeCreated": "2024-01-01T00:00:00.0000000+00:00"}})
    };
    let rows: Vec<_> = (0..20_000).map(row).collect();
    let body = json!({"value": rows, "nextLink": null}).to_string();
    let template = Template::parse(LIST).expect("the template is valid");
    report("native", &body, || AzureShape::List.flatten(body.as_bytes()).expect("a list").len());
    report("template", &body, || {
        let data = serde_json::from_str(&body).expect("JSON");
        template.render(&data).expect("a list").len()
    });
}

/// Prints the best of five runs.
fn report(name: &str, body: &str, run: impl Fn() -> usize) {
    let times = (0..5).map(|_| {
        let start = Instant::now();
        let length = run();
        (start.elapsed(), length)
    });
    let (time, length) = times.min().expect("it ran");
    let rate = body.len() as u128 / time.as_micros().max(1);
    println!("{name}: {} bytes in, {length} out, {rate} MB/s of input", body.len());
}
