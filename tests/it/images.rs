//! Repositories, images and the functions made of them: up, look, change, down.

use crate::support::{Backend, Sandbox, World, on_each_emulator, spec, static_program};
use aws_sdk_ecr::primitives::Blob;
use aws_sdk_ecr::types::ImageTagMutability;
use aws_sdk_lambda::types::PackageType;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

on_each_emulator!(
    a_repository_comes_up_is_mended_and_goes_without_a_trace,
    a_repository_with_images_of_others_stays_until_it_is_let_go_with_them,
    an_image_by_its_tag_is_deployed_and_followed_when_the_tag_moves,
    a_function_changes_from_zip_to_image_and_back,
    an_image_made_here_is_pushed_once_deployed_by_digest_and_taken_away,
);

/// The registry of the account that the emulators are told to be.
const REGISTRY: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn repositories(world: &World) -> BTreeSet<String> {
    let answer = world.cloud.done(world.cloud.ecr.describe_repositories().send());
    answer.repositories().iter().filter_map(|repository| repository.repository_name().map(str::to_owned)).collect()
}

fn make_repository(world: &World, name: &str) {
    world.cloud.done(world.cloud.ecr.create_repository().repository_name(name).image_tag_mutability(ImageTagMutability::Mutable).send());
}

/// Puts an image into a repository, with the calls that anybody has; gives its digest.
fn put_image(world: &World, backend: Backend, repository: &str, tag: &str, mark: &str) -> String {
    let layer = format!("{mark:1024}").into_bytes();
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/hello"], "Env": [format!("MARK={mark}")]},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]}});
    let config = config.to_string().into_bytes();
    let described = |kind: &str, part: &[u8]| json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest(part), "size": part.len()});
    let layers = [described("layer.v1.tar", &layer)];
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": described("config.v1+json", &config), "layers": layers});
    if backend == Backend::Local {
        for part in [config, layer] {
            let ecr = &world.cloud.ecr;
            let upload = world.cloud.done(ecr.initiate_layer_upload().repository_name(repository).send()).upload_id.unwrap();
            let (last, known) = (i64::try_from(part.len()).unwrap() - 1, digest(&part));
            let call = ecr.upload_layer_part().repository_name(repository).upload_id(&upload);
            world.cloud.done(call.part_first_byte(0).part_last_byte(last).layer_part_blob(Blob::new(part)).send());
            world.cloud.done(ecr.complete_layer_upload().repository_name(repository).upload_id(upload).layer_digests(known).send());
        }
    }
    let manifest = manifest.to_string();
    let call = world.cloud.ecr.put_image().repository_name(repository).image_tag(tag).image_manifest(&manifest);
    let image = world.cloud.done(call.image_manifest_media_type(MANIFEST).send()).image.unwrap();
    image.image_id.and_then(|id| id.image_digest).unwrap_or_else(|| digest(manifest.as_bytes()))
}

fn image_of(world: &World, function: &str) -> String {
    let answer = world.cloud.done(world.cloud.lambda.get_function().function_name(function).send());
    answer.code.and_then(|code| code.image_uri).unwrap_or_default()
}

fn a_repository_comes_up_is_mended_and_goes_without_a_trace(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + "[ecr.images]\ntags = { team = \"core\" }\n"));
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(repositories(&world), BTreeSet::from(["demo-images".to_owned()]));
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift", "--deep"]);

    let ecr = &world.cloud.ecr;
    world
        .cloud
        .done(ecr.put_image_tag_mutability().repository_name("demo-images").image_tag_mutability(ImageTagMutability::Mutable).send());
    let shallow = sandbox.expect(3, &["drift"]).stdout;
    assert!(shallow.contains("image_tag_mutability"), "{shallow}");
    world.cloud.done(ecr.delete_lifecycle_policy().repository_name("demo-images").send());
    let theirs = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Theirs", "Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]});
    world.cloud.done(ecr.set_repository_policy().repository_name("demo-images").policy_text(theirs.to_string()).send());
    let deep = sandbox.expect(3, &["drift", "--deep"]).stdout;
    assert!(deep.contains("lifecycle_policy") && deep.contains("LambdaECRImageRetrievalPolicy"), "{deep}");

    sandbox.expect(0, &["up", "--deep", "--yes"]);
    let told = sandbox.expect(3, &["drift", "--deep"]).stdout;
    assert!(told.contains("not ours: PUBLIC: statement `Theirs`") && told.contains("1 thing was found"), "{told}");
    let policy = world.cloud.done(ecr.get_repository_policy().repository_name("demo-images").send()).policy_text.unwrap();
    assert!(policy.contains("Theirs") && policy.contains("LambdaECRImageRetrievalPolicy"), "{policy}");

    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(repositories(&world), BTreeSet::new());
}

fn a_repository_with_images_of_others_stays_until_it_is_let_go_with_them(backend: Backend) {
    let world = World::start(backend);
    let head = spec::header() + "[ecr.images]\n";
    let sandbox = world.sandbox(&head);
    sandbox.expect(0, &["up", "--yes"]);
    put_image(&world, backend, "demo-images", "v1", "theirs");
    let refused = sandbox.expect(8, &["destroy", "--yes"]).stderr;
    assert!(refused.contains("that lambdo did not push") && refused.contains("`v1`"), "{refused}");
    assert_eq!(repositories(&world).len(), 1);

    sandbox.spec(&(head + "force_delete = true\n"));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(repositories(&world), BTreeSet::new());
}

/// Makes the program that goes into an image; nothing else is there to run it.
pub(crate) fn program(sandbox: &Sandbox, text: &str) {
    std::fs::write(sandbox.path().join("bootstrap"), [&static_program()[..], text.as_bytes()].concat()).unwrap();
}

/// Nothing is left to do. moto makes up the digest that a tag leads to, which looks as if the tag had moved.
fn is_quiet(sandbox: &Sandbox, backend: Backend) {
    if backend != Backend::Moto {
        sandbox.expect(0, &["plan", "--exit-code"]);
    }
}

fn by_tag() -> String {
    spec::header() + &format!("[function.a]\nimage = {{ uri = \"{REGISTRY}/app:v1\" }}\nimage_config = {{ command = [\"app.handler\"] }}\n")
}

fn an_image_by_its_tag_is_deployed_and_followed_when_the_tag_moves(backend: Backend) {
    let world = World::start(backend);
    make_repository(&world, "app");
    put_image(&world, backend, "app", "v1", "one");
    let sandbox = world.sandbox(&by_tag());
    sandbox.expect(0, &["up", "--yes"]);
    let configuration = world.cloud.done(world.cloud.lambda.get_function_configuration().function_name("demo-a").send());
    assert_eq!(configuration.package_type, Some(PackageType::Image));
    assert_eq!(image_of(&world, "demo-a"), format!("{REGISTRY}/app:v1"));
    is_quiet(&sandbox, backend);

    // moto ignores ImageConfig in UpdateFunctionConfiguration.
    if backend != Backend::Moto {
        sandbox.spec(&by_tag().replace("app.handler", "app.other"));
        sandbox.expect(2, &["plan", "--exit-code"]);
        sandbox.expect(0, &["up", "--yes"]);
        sandbox.expect(0, &["plan", "--exit-code"]);
    }
    // Only the local cloud resolves a tag as Lambda does.
    if backend == Backend::Local {
        put_image(&world, backend, "app", "v1", "two");
        let drift = sandbox.expect(3, &["drift"]).stdout;
        assert!(drift.contains("code"), "{drift}");
        sandbox.expect(0, &["up", "--yes"]);
        sandbox.expect(0, &["plan", "--exit-code"]);
    }
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    assert_eq!(repositories(&world), BTreeSet::from(["app".to_owned()]));
}

fn a_function_changes_from_zip_to_image_and_back(backend: Backend) {
    let world = World::start(backend);
    make_repository(&world, "app");
    put_image(&world, backend, "app", "v1", "one");
    let zip = spec::header() + &spec::plain("a");
    let sandbox = world.sandbox(&zip);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&by_tag());
    let plan = sandbox.expect(0, &["plan", "--format", "json"]).json();
    assert_eq!(plan["summary"]["replace"], 1, "{plan:#}");
    sandbox.expect(0, &["up", "--yes"]);
    is_quiet(&sandbox, backend);
    sandbox.spec(&zip);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

/// A function that is an image with one file on nothing.
pub(crate) fn made_here(name: &str, repository: &str) -> String {
    format!(
        "[function.{name}]\nimage = {{ base = \"scratch\", files = {{ bootstrap = \"bootstrap\" }}, entry_point = [\"/bootstrap\"]{repository} }}\n\n"
    )
}

/// The images of a repository: a digest for each tag.
fn images(world: &World, repository: &str) -> BTreeSet<(String, String)> {
    let answer = world.cloud.done(world.cloud.ecr.describe_images().repository_name(repository).send());
    let tags = |image: &aws_sdk_ecr::types::ImageDetail| {
        let digest = image.image_digest().unwrap_or_default().to_owned();
        image.image_tags().iter().map(|tag| (digest.clone(), tag.clone())).collect::<Vec<_>>()
    };
    answer.image_details().iter().flat_map(tags).collect()
}

fn an_image_made_here_is_pushed_once_deployed_by_digest_and_taken_away(backend: Backend) {
    // moto has no registry to push to.
    if backend == Backend::Moto {
        return;
    }
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &made_here("a", "")));
    program(&sandbox, "one");
    let plan = sandbox.expect(0, &["plan", "--format", "json"]).json();
    assert_eq!(plan["summary"]["create"], 5, "{plan:#}");
    sandbox.expect(0, &["up", "--yes"]);
    let first = images(&world, "demo-a");
    let (digest, tag) = first.iter().next().unwrap().clone();
    assert!(first.len() == 1 && tag == format!("demo-a-{}", &digest["sha256:".len()..][..16]), "{first:?}");
    assert_eq!(image_of(&world, "demo-a"), format!("{REGISTRY}/demo-a@{digest}"));
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift", "--deep"]);
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());

    // Another program is another image; the old one goes when nothing runs it any more.
    program(&sandbox, "other");
    sandbox.expect(2, &["plan", "--exit-code"]);
    sandbox.expect(0, &["up", "--yes"]);
    let second = images(&world, "demo-a");
    assert!(second.len() == 1 && second != first, "{second:?}");
    sandbox.expect(0, &["plan", "--exit-code"]);

    // An image that somebody deletes is pushed again.
    let gone = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag(&second.first().unwrap().1).build();
    world.cloud.done(world.cloud.ecr.batch_delete_image().repository_name("demo-a").image_ids(gone).send());
    let drift = sandbox.expect(3, &["drift"]).stdout;
    assert!(drift.contains("image.a"), "{drift}");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(images(&world, "demo-a"), second);

    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(repositories(&world), BTreeSet::new());
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

/// ministack deletes an image with its first tag, and AWS with its last.
#[test]
fn functions_that_share_a_repository_and_an_image_let_go_of_it_one_by_one() {
    let world = World::start(Backend::Local);
    let shared = spec::header() + "[ecr.images]\n\n";
    let both = [made_here("a", ", repository = \"images\""), made_here("b", ", repository = \"images\"")];
    let sandbox = world.sandbox(&(shared.clone() + &both.concat()));
    program(&sandbox, "one");
    sandbox.expect(0, &["up", "--yes"]);
    let all = images(&world, "demo-images");
    let digests: BTreeSet<&String> = all.iter().map(|(digest, _)| digest).collect();
    assert_eq!((all.len(), digests.len()), (2, 1), "{all:?}");
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.spec(&(shared.clone() + &both[0]));
    sandbox.expect(0, &["up", "--yes"]);
    let left = images(&world, "demo-images");
    assert!(left.len() == 1 && left.first().unwrap().1.starts_with("demo-a-"), "{left:?}");
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.spec(&shared);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(images(&world, "demo-images"), BTreeSet::new());
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(repositories(&world), BTreeSet::new());
}

#[test]
fn as_many_images_stay_as_the_spec_says_so_that_one_can_go_back() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &made_here("a", ", keep = 2")));
    let deploy = |text: &str| {
        program(&sandbox, text);
        sandbox.expect(0, &["up", "--yes"]);
        sandbox.expect(0, &["plan", "--exit-code"]);
        image_of(&world, "demo-a").split_once('@').unwrap().1.to_owned()
    };
    let there = || images(&world, "demo-a").into_iter().map(|(digest, _)| digest).collect::<BTreeSet<_>>();
    let (one, two) = (deploy("one"), deploy("two"));
    assert_eq!(there(), BTreeSet::from([one.clone(), two.clone()]));
    world.proxy.clear();
    assert_eq!(deploy("one"), one);
    let sent: Vec<_> = world.proxy.calls().into_iter().filter(|call| call.operation.name.starts_with("PUT /v2/")).collect();
    assert!(sent.is_empty(), "{:?}", world.proxy.tally());
    let three = deploy("three");
    assert_eq!(there(), BTreeSet::from([one, three.clone()]), "what is left is what ran last");
    // Who wants fewer gets fewer.
    sandbox.spec(&(spec::header() + &made_here("a", "")));
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(there(), BTreeSet::from([three]));
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(repositories(&world), BTreeSet::new());
}
