use super::*;
use crate::aws::plain_http::PlainHttp;
use crate::aws::testing::Cloud;
use async_trait::async_trait;
use std::path::PathBuf;

struct Folder(tempfile::TempDir);

#[async_trait]
impl ArtifactSource for Folder {
    async fn zip(&self, _content_hash: &str) -> Result<Vec<u8>, String> {
        Err("no zips here".into())
    }

    fn expected_bytes(&self, _content_hash: &str) -> usize {
        0
    }

    async fn blob(&self, digest: &str) -> Result<PathBuf, String> {
        Ok(self.0.path().join(digest))
    }
}

fn image() -> (Folder, Image) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = ["sha256:aa", "sha256:bb"].map(|digest| {
        std::fs::write(folder.path().join(digest), digest).unwrap();
        Blob { digest: digest.into(), bytes: 9 }
    });
    (Folder(folder), Image { manifest: b"{}".into(), media_type: "application/x".into(), blobs: blobs.into() })
}

fn target() -> PushTarget {
    PushTarget { registry: "127.0.0.1:5000".into(), repository: "demo/hello".into(), tag: Some("v1".into()), login: None }
}

async fn pushed(cloud: &Cloud) -> Result<Pushed, AwsError> {
    let (folder, image) = image();
    cloud.writer.push_image(&target(), &image, &folder, &|_| {}).await
}

/// A registry that has `sha256:aa` and takes what it is sent; uploads go on where `location` says.
fn answer(request: &str, location: &str) -> (u16, String) {
    match request {
        _ if request.starts_with("HEAD") && request.contains("sha256:aa") => (200, String::new()),
        _ if request.starts_with("HEAD") => (404, String::new()),
        _ if request.starts_with("POST") => (202, format!("location: {location}")),
        _ => (201, String::new()),
    }
}

#[tokio::test]
async fn what_is_there_is_not_sent_again() {
    let cloud = Cloud::new(|request| answer(request, "/v2/demo/hello/blobs/uploads/1?state=x"));
    let pushed = pushed(&cloud).await.unwrap();
    assert_eq!((pushed.sent_blobs, pushed.sent_bytes), (1, 9));
    let sent: Vec<String> = cloud.sent("/v2/").iter().map(|request| request.trim_end().to_owned()).collect();
    insta::assert_snapshot!(sent.join("\n"), @r"
    HEAD /v2/demo/hello/manifests/v1
    HEAD /v2/demo/hello/blobs/sha256:aa
    HEAD /v2/demo/hello/blobs/sha256:bb
    POST /v2/demo/hello/blobs/uploads/
    PUT /v2/demo/hello/blobs/uploads/1?state=x&digest=sha256:bb
    PUT /v2/demo/hello/manifests/v1   {}
    ");
}

#[tokio::test(start_paused = true)]
async fn a_cut_upload_is_sent_again_and_a_refusal_is_not() {
    let cuts = Mutex::new(2);
    let cloud = Cloud::new(move |request| {
        let mut cuts = locked(&cuts);
        if request.starts_with("PUT") && request.contains("/blobs/") && *cuts > 0 {
            *cuts -= 1;
            return (503, String::new());
        }
        answer(request, "/v2/demo/hello/blobs/uploads/1")
    });
    assert_eq!(pushed(&cloud).await.unwrap().sent_blobs, 1);
    assert_eq!((cloud.sent("POST").len(), cloud.sent("digest=sha256:bb").len()), (3, 3));
    let denied =
        r#"{"errors":[{"code":"DENIED","message":"User: arn:aws:iam::1:user/x is not authorized to perform: ecr:InitiateLayerUpload"}]}"#;
    let cloud = Cloud::new(move |request| if request.starts_with("POST") { (403, denied.into()) } else { answer(request, "/") });
    let error = pushed(&cloud).await.unwrap_err();
    assert_eq!((error.class, cloud.sent("POST").len()), (ErrorClass::Denied, 1));
}

#[tokio::test]
async fn an_image_that_the_tag_leads_to_needs_one_request() {
    let digest = image().1.digest();
    let cloud = Cloud::new(move |request| match request.starts_with("HEAD /v2/demo/hello/manifests/v1") {
        true => (200, format!("docker-content-digest: {digest}")),
        false => (500, String::new()),
    });
    assert_eq!(pushed(&cloud).await.unwrap().sent_blobs, 0);
    assert_eq!(cloud.sent("").len(), 1);
}

#[tokio::test]
async fn an_upload_goes_on_where_the_registry_says_that_it_broke_off() {
    let cuts = Mutex::new(1);
    let cloud = Cloud::new(move |request| {
        let mut cuts = locked(&cuts);
        match request {
            _ if request.starts_with("PUT") && request.contains("/up/") && *cuts > 0 => {
                *cuts -= 1;
                (503, String::new())
            }
            _ if request.starts_with("GET") => (204, "range: 0-3\nlocation: /v2/up/2".into()),
            _ if request.starts_with("PATCH") => (202, "location: /v2/up/3".into()),
            _ => answer(request, "/v2/up/1"),
        }
    });
    let (folder, image) = image();
    let told = Mutex::new(PushProgress::default());
    cloud.writer.push_image(&target(), &image, &folder, &|now| *locked(&told) = now).await.unwrap();
    assert_eq!(locked(&told).resumed_bytes, 4);
    let sent = cloud.sent("/v2/up/");
    let sent: Vec<String> = sent.iter().map(|request| request.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(sent.join("\n"), @r"
    PUT /v2/up/1?digest=sha256:bb
    GET /v2/up/1
    PATCH /v2/up/2
    PUT /v2/up/3?digest=sha256:bb
    ");
}

/// Debian's registry, which everybody's registries come from; `None` where it is not installed.
struct Real {
    child: std::process::Child,
    authority: String,
    _folder: tempfile::TempDir,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn real() -> Option<Real> {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let authority = format!("127.0.0.1:{port}");
    let storage = serde_json::json!({ "filesystem": { "rootdirectory": folder.path().join("data") } });
    let config = serde_json::json!({ "version": 0.1, "log": { "level": "error" }, "storage": storage, "http": { "addr": authority } });
    let path = folder.path().join("config.yml");
    std::fs::write(&path, config.to_string()).unwrap();
    let mut command = std::process::Command::new("docker-registry");
    let null = std::process::Stdio::null;
    let Ok(child) = command.arg("serve").arg(&path).stdout(null()).stderr(null()).spawn() else {
        eprintln!("LEFT OUT: there is no `docker-registry`; `scripts/setup images` installs it as root");
        return None;
    };
    while std::net::TcpStream::connect(&authority).is_err() {
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(Real { child, authority, _folder: folder })
}

/// An image whose blobs are what their names say.
fn sound_image(layer_bytes: usize) -> (Folder, Image) {
    let folder = tempfile::tempdir().unwrap();
    let keep = |bytes: &[u8]| {
        let blob =
            Blob { digest: Image { manifest: bytes.into(), media_type: String::new(), blobs: vec![] }.digest(), bytes: bytes.len() as u64 };
        std::fs::write(folder.path().join(&blob.digest), bytes).unwrap();
        blob
    };
    let layer: Vec<u8> = (0..layer_bytes).map(|number| (number * 31 % 251) as u8).collect();
    let blobs = vec![keep(b"{\"architecture\":\"arm64\",\"os\":\"linux\"}"), keep(&layer)];
    let describe =
        |media_type: &str, blob: &Blob| serde_json::json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.bytes });
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": media_type,
        "config": describe("application/vnd.oci.image.config.v1+json", &blobs[0]),
        "layers": [describe("application/vnd.oci.image.layer.v1.tar+gzip", &blobs[1])],
    });
    (Folder(folder), Image { manifest: manifest.to_string().into_bytes(), media_type: media_type.into(), blobs })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_registry_takes_what_is_pushed_and_is_sent_it_once() {
    let Some(real) = real() else { return };
    let writer = Cloud::new(|_| (500, String::new())).writer.with_registry(Registry::new(PlainHttp::new(true)));
    let (folder, image) = sound_image(3_000_000);
    let at = |repository: &str, tag: Option<&str>| PushTarget {
        registry: real.authority.clone(),
        repository: repository.into(),
        tag: tag.map(str::to_owned),
        login: None,
    };
    let told = Mutex::new(PushProgress::default());
    let progress = |now| *locked(&told) = now;
    let first = writer.push_image(&at("one", Some("a")), &image, &folder, &progress).await.unwrap();
    assert_eq!((first.sent_blobs, first.digest), (2, image.digest()));
    let told = *locked(&told);
    assert_eq!((told.blobs_done, told.blobs, told.bytes_done), (2, 2, told.bytes));
    for target in [at("one", Some("a")), at("one", Some("b")), at("one", None)] {
        assert_eq!(writer.push_image(&target, &image, &folder, &|_| {}).await.unwrap().sent_blobs, 0, "{target:?}");
    }
    // Another repository of the registry takes the blobs from the first one.
    std::fs::remove_file(folder.0.path().join(&image.blobs[1].digest)).unwrap();
    std::fs::write(folder.0.path().join(&image.blobs[1].digest), "").unwrap();
    writer.push_image(&at("two", Some("a")), &image, &folder, &|_| {}).await.unwrap();
}
