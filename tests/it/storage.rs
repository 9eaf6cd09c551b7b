//! Packages that are too large for a call, and code that lies in S3 already.

use crate::support::cloud::package;
use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};
use std::io::Write;

on_each_emulator!(
    a_large_package_is_sent_once_for_all_who_need_it_and_leaves_the_bucket_as_it_was,
    code_that_lies_in_a_bucket_is_deployed_and_sent_again_when_the_object_changes,
);

const BUCKET: &str = "demo-code";

/// A zip of a little more than 52 MB that cannot be made smaller.
pub(crate) fn large_zip(sandbox: &Sandbox, seed: u64) {
    let mut writer = zip::ZipWriter::new(std::fs::File::create(sandbox.path().join("large.zip")).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("bootstrap", stored.unix_permissions(0o755)).unwrap();
    writer.write_all(b"#!/bin/sh\nexit 0\n").unwrap();
    writer.start_file("noise", stored).unwrap();
    let mut state = seed;
    let mut block = vec![0_u8; 1 << 20];
    for chunk in block.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        chunk.copy_from_slice(&state.to_le_bytes());
    }
    (0..50_u8).for_each(|number| {
        block[0] = number;
        writer.write_all(&block).unwrap();
    });
    writer.finish().unwrap();
}

fn large(name: &str) -> String {
    spec::plain(name).replace("{ file = \"bootstrap\" }", "{ zip = \"large.zip\" }")
}

fn with_bucket() -> String {
    spec::header().trim_end().to_owned() + &format!("\ncode_bucket = \"{BUCKET}\"\n\n")
}

fn a_large_package_is_sent_once_for_all_who_need_it_and_leaves_the_bucket_as_it_was(backend: Backend) {
    let world = World::start(backend);
    world.cloud.bucket(BUCKET);
    world.cloud.object(BUCKET, "theirs", b"x".to_vec());
    let sandbox = world.sandbox(&(with_bucket() + &large("a") + &large("b")));
    large_zip(&sandbox, 1);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.calls_of("UploadPart").len(), 11, "{:?}", world.proxy.tally());
    assert_eq!(world.proxy.calls_of("CompleteMultipartUpload").len(), 1);
    assert!(world.proxy.calls_of("CreateFunction").iter().all(|call| call.body.len() < 100_000), "the zip is named and not sent");
    let first = world.cloud.keys(BUCKET);
    assert!(first.len() == 2 && first[0].starts_with("lambdo/demo/") && first[1] == "theirs", "{first:?}");

    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
    sandbox.expect(0, &["drift"]);

    large_zip(&sandbox, 2);
    sandbox.expect(0, &["up", "--yes"]);
    let second = world.cloud.keys(BUCKET);
    assert!(second.len() == 2 && second[0] != first[0], "the old object goes when nothing is made of it: {second:?}");
    sandbox.expect(0, &["plan", "--exit-code"]);

    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.keys(BUCKET), ["theirs"]);
}

fn code_that_lies_in_a_bucket_is_deployed_and_sent_again_when_the_object_changes(backend: Backend) {
    let world = World::start(backend);
    world.cloud.bucket(BUCKET);
    world.cloud.object(BUCKET, "a.zip", package("one").into_inner());
    let code = format!("{{ s3 = {{ bucket = \"{BUCKET}\", key = \"a.zip\" }} }}");
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a").replace("{ file = \"bootstrap\" }", &code)));
    sandbox.expect(0, &["up", "--yes"]);
    let hash = || world.cloud.done(world.cloud.lambda.get_function().function_name("demo-a").send()).configuration.unwrap().code_sha256;
    let first = hash();
    sandbox.expect(0, &["plan", "--exit-code"]);

    world.cloud.object(BUCKET, "a.zip", package("two").into_inner());
    sandbox.expect(3, &["plan", "--exit-code"]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_ne!(hash(), first);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.keys(BUCKET), ["a.zip"], "what lambdo did not put there stays");
}

#[test]
fn an_upload_that_fails_leaves_nothing_behind_and_the_next_run_goes_on() {
    let world = World::start(Backend::Local);
    world.cloud.bucket(BUCKET);
    let sandbox = world.sandbox(&(with_bucket() + &large("a")));
    large_zip(&sandbox, 1);
    world.proxy.rules([Rule::on("UploadPart").nth(3).refuse(403, "AccessDenied", "Access Denied")]);
    sandbox.run(&["up", "--yes"]).expect(9).says("s3:PutObject");
    assert_eq!(world.cloud.keys(BUCKET), Vec::<String>::new());
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.keys(BUCKET).len(), 1);
}

#[test]
fn an_upload_that_was_killed_is_cleaned_up_by_the_next_one() {
    let world = World::start(Backend::Local);
    world.cloud.bucket(BUCKET);
    let sandbox = world.sandbox(&(with_bucket() + &large("a")));
    large_zip(&sandbox, 1);
    world.proxy.rules([Rule::on("UploadPart").nth(4).signal("KILL")]);
    assert_eq!(sandbox.run(&["up", "--yes"]).signal, Some(9));
    assert_eq!(world.cloud.keys(BUCKET).len(), 1, "what was sent of it");
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    let keys = world.cloud.keys(BUCKET);
    assert!(keys.len() == 1 && !keys[0].contains("being uploaded"), "{keys:?}");
}

/// The object is there, and nothing has written down what S3 calls it.
#[test]
fn a_package_that_had_arrived_when_the_run_was_killed_is_made_use_of_by_the_next_one() {
    let world = World::start(Backend::Local);
    world.cloud.bucket(BUCKET);
    let sandbox = world.sandbox(&(with_bucket() + &large("a")));
    large_zip(&sandbox, 5);
    world.proxy.rules([Rule::on("CompleteMultipartUpload").signal("KILL")]);
    assert_eq!(sandbox.run(&["up", "--yes"]).signal, Some(9));
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.calls_of("UploadPart").len(), 0, "{:?}", world.proxy.tally());
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_bucket_that_cannot_be_used_is_told_with_what_to_do() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(with_bucket() + &large("a")));
    large_zip(&sandbox, 1);
    sandbox.run(&["up", "--yes"]).expect(9).says("NoSuchBucket").says("make the bucket first");
}

#[test]
fn without_a_bucket_what_is_too_large_is_told_to_need_one() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &large("a")));
    large_zip(&sandbox, 1);
    sandbox.expect(6, &["up", "--yes"]).says("name a bucket of the region that is deployed to: `code_bucket = \"NAME\"` in `[aws]`");
    assert_eq!(world.proxy.mutating(), 0, "it is told before anything is made");
}

#[test]
fn an_object_that_somebody_has_overwritten_or_deleted_is_put_back() {
    let world = World::start(Backend::Local);
    world.cloud.bucket(BUCKET);
    let sandbox = world.sandbox(&(with_bucket() + &large("a")));
    large_zip(&sandbox, 1);
    sandbox.expect(0, &["up", "--yes"]);
    let key = world.cloud.keys(BUCKET).remove(0);
    world.cloud.done(world.cloud.s3.delete_object().bucket(BUCKET).key(&key).send());
    sandbox.expect(3, &["drift"]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.keys(BUCKET), [key]);
}

#[test]
fn an_object_whose_answer_was_lost_is_ours() {
    let world = World::start(Backend::Local);
    world.cloud.bucket(BUCKET);
    let sandbox = world.sandbox(&(with_bucket() + &large("a")));
    large_zip(&sandbox, 1);
    world.proxy.rules([Rule::on("CompleteMultipartUpload").nth(1).drop_answer()]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.keys(BUCKET).len(), 1);
    sandbox.expect(0, &["plan", "--exit-code"]);
}
