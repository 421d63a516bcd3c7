//! How fast answers become columns: `cargo bench -p nephos-http --bench decode`.
//!
//! Prints MB/s of a body of 50 MB, two columns wanted, beside peers and the physical limit in the
//! same run: the check that the body is UTF-8 reads it once, `serde_json::Value` and a bare walk
//! over the events of `quick-xml` are what a decoder would otherwise be built on.
#![allow(clippy::print_stdout)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nephos_catalog::{Kind, ResponseBody};
use nephos_http::Probe;

const SIZE: usize = 50_000_000;
const RUNS: usize = 7;
const PASSES: u32 = 50;

fn main() {
    for (name, body) in [("JSON, compact", json(false)), ("JSON, indented", json(true))] {
        let columns = [("selfLink1", Kind::String), ("count3", Kind::Integer)];
        let ours = speed(&body, &Probe::new(ResponseBody::Json, "$.items", &columns));
        let peer = best(&body, |body| {
            serde_json::from_slice::<serde_json::Value>(body).map(|value| value.is_object()).ok()
        });
        report(name, &body, ours, ("serde_json::Value", peer));
    }
    let columns = [("Key", Kind::String), ("Size", Kind::Integer)];
    let probe = Probe::new(ResponseBody::Xml, "/*/Contents", &columns);
    xml("XML, ListObjects", &objects(), &probe);
    let columns = [("instanceId", Kind::String), ("instanceType", Kind::String)];
    let probe = Probe::new(ResponseBody::Xml, "/*/reservationSet/item/instancesSet/item", &columns);
    xml("XML, nested", &instances(), &probe);
}

fn xml(name: &str, body: &Bytes, probe: &Probe) {
    let peer = best(body, |body| {
        let mut reader = quick_xml::Reader::from_str(std::str::from_utf8(body).ok()?);
        let mut events = 0_usize;
        while !matches!(reader.read_event().ok()?, quick_xml::events::Event::Eof) {
            events += 1;
        }
        Some(events)
    });
    report(name, body, speed(body, probe), ("quick_xml events", peer));
}

fn speed(body: &Bytes, probe: &Probe) -> Duration {
    best(body, |body| probe.read(body.clone()).ok().map(|(batch, _)| batch.num_rows()))
}

/// The best of some runs; one that gives nothing ends the program.
fn best<T>(body: &Bytes, run: impl Fn(&Bytes) -> Option<T>) -> Duration {
    (0..RUNS)
        .map(|_| {
            let (start, busy) = (Instant::now(), busy());
            assert!(run(body).is_some(), "the body cannot be read");
            self::busy().zip(busy).map_or(start.elapsed(), |(end, begin)| end - begin)
        })
        .min()
        .unwrap_or_default()
}

/// How long this thread has had a core, where the system says so: on a machine that others use too,
/// the clock on the wall measures them.
fn busy() -> Option<Duration> {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    spent.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn report(name: &str, body: &Bytes, ours: Duration, (peer, theirs): (&str, Duration)) {
    // The system counts in steps that one pass would hide in.
    let limit = best(body, |body| {
        (0..PASSES)
            .map(|_| simdutf8::basic::from_utf8(body).ok().map(str::len))
            .sum::<Option<usize>>()
    }) / PASSES;
    #[allow(clippy::cast_precision_loss)]
    let rate = body.len() as f64 / ours.as_secs_f64() / 1e6;
    println!(
        "{name:18} {rate:6.0} MB/s, {:5.2} of {peer}, {:5.3} of a pass over the body",
        theirs.as_secs_f64() / ours.as_secs_f64(),
        limit.as_secs_f64() / ours.as_secs_f64(),
    );
}

/// Rows of forty members, as the lists of cloud services have them.
fn json(indented: bool) -> Bytes {
    let (line, space) = if indented { ("\n      ", " ") } else { ("", "") };
    let mut body = format!("{{{line}\"items\":{space}[");
    let mut row = 0;
    while body.len() < SIZE {
        body.push_str(if row == 0 { "{" } else { ",{" });
        for member in 0..40 {
            if member > 0 {
                body.push(',');
            }
            body.push_str(line);
            let name = ["name", "selfLink", "creationTimestamp", "count", "status"][member % 5];
            let _ = write!(body, "\"{name}{member}\":{space}");
            let _ = match member % 8 {
                0..=2 => write!(body, "\"projects/p-{row}/zones/europe-west{member}/x{row}\""),
                3 => write!(body, "{}", row * member),
                4 => write!(body, "true"),
                5 => {
                    write!(body, "{{\"kind\":{space}\"disk\",{line}\"list\":{space}[\"x\",\"y\"]}}")
                }
                6 => write!(body, "null"),
                _ => write!(body, "\"RUNNING\""),
            };
        }
        body.push('}');
        row += 1;
    }
    body.push_str("],\"nextPageToken\":\"abc\"}");
    body.into()
}

/// A list of objects of S3.
fn objects() -> Bytes {
    let mut body = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>",
    );
    let mut row = 0;
    while body.len() < SIZE {
        let _ = write!(
            body,
            "<Contents><Key>photos/2024/{row:08}.jpg</Key>\
             <LastModified>2024-10-12T17:50:30.000Z</LastModified>\
             <ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>{row}</Size>\
             <StorageClass>STANDARD</StorageClass><Owner><ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7f\
             aeebf76c078efc7c6caea54ba06a</ID><DisplayName>someone</DisplayName></Owner></Contents>"
        );
        row += 1;
    }
    body.push_str("</ListBucketResult>");
    body.into()
}

/// Instances in reservations, as EC2 nests them, indented.
fn instances() -> Bytes {
    let mut body = String::from(
        "<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n\
         <reservationSet>\n",
    );
    let mut row = 0;
    while body.len() < SIZE {
        let _ = write!(
            body,
            "    <item>\n        <reservationId>r-{row}</reservationId>\n        <instancesSet>\n"
        );
        for _ in 0..2 {
            let _ = write!(
                body,
                "            <item>\n                <instanceId>i-{row:017x}</instanceId>\n\
                 \x20               <imageId>ami-bff32ccc</imageId>\n\
                 \x20               <instanceState>\n                    <code>16</code>\n\
                 \x20                   <name>running</name>\n                </instanceState>\n\
                 \x20               <dnsName>ec2-54-194-252-215.compute.amazonaws.com</dnsName>\n\
                 \x20               <instanceType>t2.micro</instanceType>\n\
                 \x20               <tagSet>\n                    <item>\n\
                 \x20                       <key>Name</key>\n\
                 \x20                       <value>Server_{row}</value>\n\
                 \x20                   </item>\n                </tagSet>\n            </item>\n"
            );
            row += 1;
        }
        body.push_str("        </instancesSet>\n    </item>\n");
    }
    body.push_str("</reservationSet>\n</DescribeInstancesResponse>");
    body.into()
}
