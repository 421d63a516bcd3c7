//! Answers of S3.

use std::fmt::Write as _;

use crate::Reply;

/// A page of `ListParts`: numbers after `marker`, at most `max` of them. S3 always sends
/// `NextPartNumberMarker`, and 0 on an empty page.
pub fn list_parts(numbers: &[u32], marker: u32, max: usize) -> Reply {
    let after: Vec<u32> = numbers.iter().copied().filter(|number| *number > marker).collect();
    let page = &after[..max.min(after.len())];
    let next = page.last().copied().unwrap_or(0);
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListPartsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>b</Bucket>\
         <Key>k</Key><UploadId>u</UploadId><PartNumberMarker>{marker}</PartNumberMarker>\
         <NextPartNumberMarker>{next}</NextPartNumberMarker><MaxParts>{max}</MaxParts>\
         <IsTruncated>{}</IsTruncated><StorageClass>STANDARD</StorageClass>",
        page.len() < after.len()
    );
    for number in page {
        let _ = write!(
            body,
            "<Part><PartNumber>{number}</PartNumber><LastModified>2026-11-24T00:00:00.000Z\
             </LastModified><ETag>&quot;{number:032x}&quot;</ETag><Size>{number}</Size></Part>"
        );
    }
    body.push_str("</ListPartsResult>");
    Reply::new(200, body).header("content-type", "application/xml")
}

/// An error of S3.
pub fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>{message}</Message><RequestId>TEST-REQUEST</RequestId></Error>"
    );
    Reply::new(status, body).header("content-type", "application/xml")
}
