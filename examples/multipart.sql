-- The life of a multipart upload, in SQL.
--
--   nephos exec --local -i examples/multipart.sql
--
-- Against another S3, leave --local out and give --endpoint-url or nothing for AWS; there, choose
-- names for the bucket and the region that are yours to use.

SET VARIABLE bucket = 'nephos-example';
SET VARIABLE region = 'us-east-1';

-- 1. A bucket.
INSERT INTO aws.s3.buckets(bucket, region)
SELECT getvariable('bucket'), getvariable('region');

-- 2. An upload begins: its id is all that ties the parts together.
SET VARIABLE upload_id = (
  SELECT UploadId
  FROM (EXEC aws.s3.multipart_uploads.multipart_uploads_Create
          @Key = 'letters.txt', @bucket = getvariable('bucket'), @region = getvariable('region')) created
);

-- 3. Three parts. All but the last have at least 5 MiB; the last one is a file.
EXEC aws.s3.parts.parts_Upload
  @Key = 'letters.txt', @partNumber = 1, @uploadId = getvariable('upload_id'),
  @bucket = getvariable('bucket'), @region = getvariable('region')
  @@body = repeat('a', 5242880);

EXEC aws.s3.parts.parts_Upload
  @Key = 'letters.txt', @partNumber = 2, @uploadId = getvariable('upload_id'),
  @bucket = getvariable('bucket'), @region = getvariable('region')
  @@body = repeat('b', 5242880);

EXEC aws.s3.parts.parts_Upload
  @Key = 'letters.txt', @partNumber = 3, @uploadId = getvariable('upload_id'),
  @bucket = getvariable('bucket'), @region = getvariable('region')
  @@file = 'examples/multipart.sql' OFFSET 3 LENGTH 40;

-- 4. What is there so far.
EXEC aws.s3.parts.parts_List
  @Key = 'letters.txt', @uploadId = getvariable('upload_id'),
  @bucket = getvariable('bucket'), @region = getvariable('region');

-- 5. The same number again overwrites.
EXEC aws.s3.parts.parts_Upload
  @Key = 'letters.txt', @partNumber = 2, @uploadId = getvariable('upload_id'),
  @bucket = getvariable('bucket'), @region = getvariable('region')
  @@body = repeat('c', 6000000);

-- 6. EXEC is a table.
SELECT PartNumber, Size, ETag, sum(Size) OVER (ORDER BY PartNumber) AS bytes_so_far
FROM (EXEC aws.s3.parts.parts_List
        @Key = 'letters.txt', @uploadId = getvariable('upload_id'),
        @bucket = getvariable('bucket'), @region = getvariable('region')) parts
ORDER BY PartNumber;

-- 7. Complete: the list of parts is written from the listing itself.
EXEC aws.s3.multipart_uploads.multipart_uploads_Complete
  @Key = 'letters.txt', @uploadId = getvariable('upload_id'),
  @bucket = getvariable('bucket'), @region = getvariable('region')
  @@xml = (
    SELECT '<CompleteMultipartUpload>'
        || string_agg('<Part><PartNumber>' || PartNumber || '</PartNumber><ETag>' || ETag || '</ETag></Part>', ''
                      ORDER BY PartNumber)
        || '</CompleteMultipartUpload>'
    FROM (EXEC aws.s3.parts.parts_List
            @Key = 'letters.txt', @uploadId = getvariable('upload_id'),
            @bucket = getvariable('bucket'), @region = getvariable('region')) parts
  );

-- 8. The object, read back.
SELECT ContentLength, ETag, left(CAST(Body AS VARCHAR), 3) AS begins,
       substr(CAST(Body AS VARCHAR), 5242880, 3) AS at_the_first_seam,
       right(CAST(Body AS VARCHAR), 40) AS ends
FROM aws.s3.objects
WHERE Key = 'letters.txt' AND bucket = getvariable('bucket') AND region = getvariable('region');

-- 9. Its attributes.
SELECT ETag, ObjectSize, StorageClass, ObjectParts
FROM aws.s3.object_attributes
WHERE Key = 'letters.txt' AND bucket = getvariable('bucket') AND region = getvariable('region')
  AND "x-amz-object-attributes" = 'ETag,ObjectSize,StorageClass,ObjectParts';

-- 10. Clean up.
DELETE FROM aws.s3.objects
WHERE Key = 'letters.txt' AND bucket = getvariable('bucket') AND region = getvariable('region');

DELETE FROM aws.s3.buckets
WHERE bucket = getvariable('bucket') AND region = getvariable('region');
