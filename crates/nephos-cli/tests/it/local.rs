//! The endpoint inside the process.

use crate::home::Home;

fn exec(home: &Home, text: &str) -> crate::home::Ran {
    home.run(&["exec", "--local", "-o", "csv", text])
}

#[test]
fn the_example_runs_and_cleans_up() {
    let home = Home::new();
    let ran = home.run(&["exec", "--local", "-o", "csv", "-i", "examples/multipart.sql"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // Three parts before and after number 2 is overwritten, then the object made of them.
    let sizes: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("2,")).collect();
    assert_eq!(sizes.len(), 2, "{}", ran.stdout);
    assert!(sizes[1].contains("6000000"), "{}", ran.stdout);
    assert!(ran.stdout.contains("aaa,acc,"), "{}", ran.stdout);
    assert!(ran.stdout.contains("11242920"), "{}", ran.stdout);
    let left = exec(&home, "SELECT count(*) AS n FROM aws.s3.buckets WHERE region = 'r'");
    assert_eq!(left.stdout, "n\n0\n");
}

#[test]
fn what_is_stored_survives_a_restart() {
    let home = Home::new();
    let made = exec(
        &home,
        "INSERT INTO aws.s3.buckets(bucket, region) VALUES ('kept', 'us-east-1'); \
         EXEC aws.s3.objects.objects_Put @Key='a b/ü', @bucket='kept', @region='us-east-1' @@body='hello'",
    );
    assert_eq!(made.code, 0, "{}", made.stderr);
    let read = exec(
        &home,
        "SELECT Key, Size FROM aws.s3.objects WHERE bucket='kept' AND region='us-east-1'; \
         SELECT CAST(Body AS VARCHAR) AS text FROM aws.s3.objects \
         WHERE bucket='kept' AND region='us-east-1' AND Key='a b/ü'",
    );
    assert_eq!(read.stdout, "Key,Size\na b/ü,5\n\ntext\nhello\n", "{}", read.stderr);
}

#[test]
fn uploads_that_are_not_there_are_no_such_upload() {
    let home = Home::new();
    let begin = "SET VARIABLE u = (SELECT UploadId FROM (EXEC \
                 aws.s3.multipart_uploads.multipart_uploads_Create @Key='k', @bucket='bbb', \
                 @region='us-east-1') c);";
    let list = "EXEC aws.s3.parts.parts_List @Key='k', @uploadId=getvariable('u'), @bucket='bbb', \
                @region='us-east-1';";
    let upload = "EXEC aws.s3.parts.parts_Upload @Key='k', @partNumber=1, @uploadId=getvariable('u'), \
                  @bucket='bbb', @region='us-east-1' @@body='x';";
    let abort = "DELETE FROM aws.s3.multipart_uploads WHERE Key='k' AND uploadId=getvariable('u') \
                 AND bucket='bbb' AND region='us-east-1';";
    let complete = "EXEC aws.s3.multipart_uploads.multipart_uploads_Complete @Key='k', \
                    @uploadId=getvariable('u'), @bucket='bbb', @region='us-east-1' @@xml=(SELECT \
                    '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>' || ETag || \
                    '</ETag></Part></CompleteMultipartUpload>' FROM (EXEC aws.s3.parts.parts_List \
                    @Key='k', @uploadId=getvariable('u'), @bucket='bbb', @region='us-east-1') p);";
    let bucket = "INSERT INTO aws.s3.buckets(bucket, region) VALUES ('bbb', 'us-east-1');";
    assert_eq!(exec(&home, bucket).code, 0);
    for text in [
        format!("SET VARIABLE u = 'never-existed'; {list}"),
        format!("SET VARIABLE u = 'never-existed'; {upload}"),
        format!("{begin} {abort} {list}"),
        format!("{begin} {abort} {upload}"),
        format!("{begin} {upload} {complete} {list}"),
        format!("{begin} {upload} {complete} {upload}"),
    ] {
        let ran = exec(&home, &text);
        assert_eq!(ran.code, 1, "{text}");
        assert!(ran.stderr.contains("NoSuchUpload"), "{text}: {}", ran.stderr);
        assert!(ran.stderr.contains("HTTP 404"), "{}", ran.stderr);
        assert!(ran.stderr.contains("completed, aborted or never begun"), "{}", ran.stderr);
    }
}

#[test]
fn local_serves_s3_and_nothing_else() {
    let home = Home::new();
    let folder = home.dir.path().join("nephos/local");
    assert!(!folder.exists());
    assert_eq!(home.run(&["exec", "SHOW PROVIDERS"]).code, 0);
    assert!(!folder.exists(), "the folder is made on first use of --local");
    assert_eq!(exec(&home, "SELECT * FROM aws.s3.buckets WHERE region='r'").code, 0);
    assert!(folder.exists());
}
