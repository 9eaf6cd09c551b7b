use super::*;
use crate::local::common::Call;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};

const REGION: &str = "eu-central-1";

struct Stage {
    s3: S3,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let (common, _, folder) = Common::for_test();
        let s3 = S3::open(common, folder.path()).unwrap();
        Self { s3, folder }
    }

    /// A stage with a bucket `code`.
    async fn with_bucket() -> Self {
        let stage = Self::new();
        let wish = "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>";
        assert_eq!(stage.ask("PUT", "/code", &[], wish).await.0, 200);
        stage
    }

    async fn respond(&self, region: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response<Body> {
        let request =
            headers.iter().fold(Request::builder().method(method).uri(path), |request, (name, value)| request.header(*name, *value));
        let (parts, body) = request.body(Body::from(body)).unwrap().into_parts();
        let call = Call { region: region.to_owned(), request_id: "r-1".to_owned() };
        self.s3.answer(&call, &parts, body).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let response = self.respond(REGION, method, path, headers, body.as_bytes().to_vec()).await;
        let status = response.status().as_u16();
        (status, String::from_utf8_lossy(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).into_owned())
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("objects")).unwrap().count()
    }
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_put_and_goes_with_its_file() {
    let stage = Stage::with_bucket().await;
    let (status, _) = stage.ask("PUT", "/code/a/b%20c.zip", &[("x-amz-meta-lambdo-lineage", "l-1")], "content").await;
    assert_eq!(status, 200);
    let response = stage.respond(REGION, "HEAD", "/code/a/b%20c.zip", &[], vec![]).await;
    assert_eq!(
        (response.headers()["x-amz-meta-lambdo-lineage"].as_bytes(), response.headers()["content-length"].as_bytes()),
        (&b"l-1"[..], &b"7"[..])
    );
    assert_eq!(stage.ask("GET", "/code/a/b%20c.zip", &[], "").await, (200, "content".to_owned()));
    assert_eq!(stage.ask("GET", "/code/a/b%20c.zip", &[("range", "bytes=3-")], "").await, (206, "tent".to_owned()));
    assert_eq!(stage.ask("PUT", "/code/a/b%20c.zip", &[], "other").await.0, 200);
    assert_eq!(stage.files(), 1, "what was overwritten is gone");
    assert_eq!(stage.ask("DELETE", "/code/a/b%20c.zip", &[], "").await.0, 204);
    assert_eq!((stage.files(), stage.ask("GET", "/code/a/b%20c.zip", &[], "").await.0), (0, 404));
}

#[tokio::test]
async fn what_sdks_stream_is_decoded_and_what_does_not_fit_its_checksum_is_refused() {
    let stage = Stage::with_bucket().await;
    let streaming = [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("content-encoding", "aws-chunked")];
    // The CRC32 of `hello`.
    let body = |sum: &str| format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n");
    assert_eq!(stage.ask("PUT", "/code/k", &streaming, &body("NhCmhg==")).await.0, 200);
    assert_eq!(stage.ask("GET", "/code/k", &[], "").await.1, "hello");
    let (status, error) = stage.ask("PUT", "/code/k", &streaming, &body("AAAAAA==")).await;
    assert!(status == 400 && error.contains("<Code>BadDigest</Code>"), "{error}");
    let (status, error) = stage.ask("PUT", "/code/k", &streaming, "5\r\nhel").await;
    assert!(status == 400 && error.contains("IncompleteBody"), "{error}");
    assert_eq!(stage.files(), 1, "what was refused leaves nothing");
}

#[tokio::test]
async fn conditions_hold_for_what_is_there() {
    let stage = Stage::with_bucket().await;
    let none = [("if-none-match", "*")];
    assert_eq!(stage.ask("PUT", "/code/k", &none, "1").await.0, 200);
    assert_eq!(stage.ask("PUT", "/code/k", &none, "2").await.0, 412);
    assert_eq!(stage.ask("PUT", "/code/k", &[("if-match", "\"no\"")], "2").await.0, 412);
    assert_eq!(stage.ask("PUT", "/code/other", &[("if-match", "\"no\"")], "2").await.0, 404);
    assert_eq!(stage.ask("GET", "/code/k", &[], "").await.1, "1");
}

#[tokio::test]
async fn buckets_are_known_in_one_region_and_to_one_account() {
    let stage = Stage::with_bucket().await;
    let elsewhere = stage.respond("us-east-1", "GET", "/code/k", &[], vec![]).await;
    assert_eq!((elsewhere.status().as_u16(), elsewhere.headers()["x-amz-bucket-region"].as_bytes()), (301, REGION.as_bytes()));
    assert_eq!(stage.ask("HEAD", "/code", &[("x-amz-expected-bucket-owner", "999999999999")], "").await, (403, String::new()));
    assert!(stage.ask("PUT", "/none/k", &[], "1").await.1.contains("<Code>NoSuchBucket</Code>"));
    assert_eq!(stage.ask("PUT", "/code/k", &[], "1").await.0, 200);
    assert!(stage.ask("DELETE", "/code", &[], "").await.1.contains("BucketNotEmpty"));
}

#[tokio::test]
async fn a_bucket_that_goes_takes_what_is_on_its_way_with_it() {
    let stage = Stage::with_bucket().await;
    let (pieces, received) = futures::channel::mpsc::unbounded::<Result<bytes::Bytes, std::io::Error>>();
    let (parts, body) = Request::builder().method("PUT").uri("/code/k").body(Body::from_stream(received)).unwrap().into_parts();
    let call = Call { region: REGION.to_owned(), request_id: "r-1".to_owned() };
    let put = stage.s3.answer(&call, &parts, body);
    let removed = async {
        pieces.unbounded_send(Ok("half".into())).unwrap();
        tokio::task::yield_now().await;
        let status = stage.ask("DELETE", "/code", &[], "").await.0;
        drop(pieces);
        status
    };
    let (answer, removed) = tokio::join!(put, removed);
    assert_eq!((answer.status().as_u16(), removed, stage.files()), (404, 204, 0));
    assert_eq!(stage.ask("GET", "/code/k", &[], "").await.0, 404);
}

#[tokio::test]
async fn uploads_end_with_their_bucket() {
    let stage = Stage::with_bucket().await;
    let id = parts::texts_of(&stage.ask("POST", "/code/k?uploads", &[], "").await.1, "UploadId").remove(0);
    assert_eq!(stage.ask("PUT", &format!("/code/k?partNumber=1&uploadId={id}"), &[], "z").await.0, 200);
    assert_eq!((stage.ask("DELETE", "/code", &[], "").await.0, stage.files()), (204, 0));
    let wish = "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>";
    stage.ask("PUT", "/code", &[], wish).await;
    assert!(stage.ask("PUT", &format!("/code/k?partNumber=2&uploadId={id}"), &[], "z").await.1.contains("NoSuchUpload"));
}

#[tokio::test]
async fn keys_are_listed_page_by_page_and_by_folder() {
    let stage = Stage::with_bucket().await;
    for key in ["a/1", "a/2", "b", "c/1"] {
        stage.ask("PUT", &format!("/code/{key}"), &[], "x").await;
    }
    let keys = |xml: &str| parts::texts_of(xml, "Key").join(" ");
    let (_, first) = stage.ask("GET", "/code?list-type=2&max-keys=3", &[], "").await;
    assert_eq!(keys(&first), "a/1 a/2 b");
    let token = parts::texts_of(&first, "NextContinuationToken").remove(0).replace('=', "%3D");
    assert_eq!(keys(&stage.ask("GET", &format!("/code?list-type=2&continuation-token={token}"), &[], "").await.1), "c/1");
    let (_, folders) = stage.ask("GET", "/code?list-type=2&delimiter=/", &[], "").await;
    assert_eq!((keys(&folders), parts::texts_of(&folders, "Prefix").join(" ")), ("b".to_owned(), " a/ c/".to_owned()));
}

#[tokio::test]
async fn parts_become_an_object_in_their_order_or_go_without_a_trace() {
    let stage = Stage::with_bucket().await;
    let begin = async || parts::texts_of(&stage.ask("POST", "/code/k?uploads", &[], "").await.1, "UploadId").remove(0);
    let id = begin().await;
    let (large, small) = ("x".repeat(5 << 20), "y".to_owned());
    let mut named = String::new();
    for (number, content) in [(1, &large), (2, &small)] {
        let path = format!("/code/k?partNumber={number}&uploadId={id}");
        let response = stage.respond(REGION, "PUT", &path, &[], content.as_bytes().to_vec()).await;
        let etag = response.headers()["etag"].to_str().unwrap().replace('"', "&quot;");
        named += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let wish = format!("<CompleteMultipartUpload>{named}</CompleteMultipartUpload>");
    let (status, done) = stage.ask("POST", &format!("/code/k?uploadId={id}"), &[], &wish).await;
    assert!(status == 200 && done.contains("-2&quot;</ETag>"), "{done}");
    let (_, whole) = stage.ask("GET", "/code/k", &[], "").await;
    assert_eq!((whole.len(), whole.ends_with("xy"), stage.files()), ((5 << 20) + 1, true, 1));

    let id = begin().await;
    stage.ask("PUT", &format!("/code/k?partNumber=1&uploadId={id}"), &[], "z").await;
    assert_eq!(stage.files(), 2);
    assert!(stage.ask("GET", "/code?uploads&prefix=k", &[], "").await.1.contains(&id));
    assert_eq!(stage.ask("DELETE", &format!("/code/k?uploadId={id}"), &[], "").await.0, 204);
    assert_eq!(stage.files(), 1);
    assert!(stage.ask("POST", &format!("/code/k?uploadId={id}"), &[], &wish).await.1.contains("NoSuchUpload"));
}

#[tokio::test]
async fn what_is_acknowledged_is_there_after_a_restart_and_what_was_cut_off_is_not() {
    let stage = Stage::with_bucket().await;
    stage.ask("PUT", "/code/k", &[], "content").await;
    std::fs::write(stage.folder.path().join("objects").join("half"), "x").unwrap();
    let Stage { s3, folder } = stage;
    let common = s3.common.clone();
    drop(s3);
    let stage = Stage { s3: S3::open(common, folder.path()).unwrap(), folder };
    assert_eq!((stage.ask("GET", "/code/k", &[], "").await.1, stage.files()), ("content".to_owned(), 1));
}
