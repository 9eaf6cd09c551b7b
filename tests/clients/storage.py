"""Objects of S3, whole and in parts, and layers: what is put comes back, what AWS refuses is refused."""

import base64
import hashlib
import io
import zipfile

from checks import REGION, Refused, Step
from stage import Names, package, steps_to_function, updated

BUCKET = {"Bucket": "round-trips"}
PART = b"x" * (5 << 20)


def run(checks, endpoint_url):
    names = Names(checks.account)
    checks.parts([buckets, objects, conditions, parts, refusals, code, layers, layers_of_functions, ends], checks, names)


def is_text(wanted):
    """Whether a stream says this."""
    return lambda stream: stream.read() == wanted


def buckets(checks, names):
    checks.steps(
        Step("s3.create_bucket", {**BUCKET, "CreateBucketConfiguration": {"LocationConstraint": REGION}}, {"Location": "/round-trips"}),
        Step("s3.head_bucket", BUCKET),
        Step("s3.get_bucket_location", BUCKET, {"LocationConstraint": REGION}),
        Step("s3.get_bucket_versioning", BUCKET, {"Status": None}),
        Step("s3.list_buckets", {}, {"Buckets[].Name": ["round-trips"]}),
    )


def objects(checks, names):
    thing = {**BUCKET, "Key": "a/größe ½+ .txt"}
    checks.steps(
        Step("s3.put_object", {**thing, "Body": b"content", "Metadata": {"lambdo-lineage": "l-1"}, "ContentType": "text/plain"},
             {"ETag": lambda etag: etag.startswith('"')}),
        Step("s3.head_object", thing, {"ContentLength": 7, "Metadata": {"lambdo-lineage": "l-1"}, "ContentType": "text/plain"}),
        Step("s3.get_object", thing, {"Body": is_text(b"content"), "LastModified": lambda date: date.year >= 2025}),
        Step("s3.get_object", {**thing, "Range": "bytes=3-4"}, {"Body": is_text(b"te"), "ContentRange": "bytes 3-4/7"}),
        Step("s3.put_object", {**thing, "Body": b"", "ChecksumAlgorithm": "SHA256"},
             {"ChecksumSHA256": base64.b64encode(hashlib.sha256(b"").digest()).decode()}),
        Step("s3.put_object", {**thing, "Body": io.BytesIO(b"streamed"), "ChecksumAlgorithm": "CRC32"}),
        Step("s3.get_object", thing, {"Body": is_text(b"streamed")}),
        Step("s3.put_object", {**BUCKET, "Key": "b", "Body": b"b"}),
        Step("s3.put_object", {**BUCKET, "Key": "c/1", "Body": b"c"}),
        Step("pages s3.list_objects_v2", BUCKET, {"Contents[].Key": [thing["Key"], "b", "c/1"], "Contents[0].Size": 8}),
        Step("s3.list_objects_v2", {**BUCKET, "Delimiter": "/"}, {"Contents[].Key": ["b"], "CommonPrefixes[].Prefix": ["a/", "c/"]}),
        Step("s3.list_objects_v2", {**BUCKET, "Prefix": "nothing"}, {"KeyCount": 0, "Contents": None}),
        Step("s3.delete_object", thing),
        Step("s3.delete_objects", {**BUCKET, "Delete": {"Objects": [{"Key": "b"}, {"Key": "c/1"}, {"Key": "never"}]}},
             {"Deleted | length(@)": 3}),
        Step("s3.list_objects_v2", BUCKET, {"KeyCount": 0}),
    )


def conditions(checks, names):
    thing = {**BUCKET, "Key": "lock"}
    first = checks.step(Step("s3.put_object", {**thing, "Body": b"1", "IfNoneMatch": "*"}))
    checks.refused(Refused("that is there", "s3.put_object", {**thing, "Body": b"2", "IfNoneMatch": "*"}, "PreconditionFailed", 412))
    checks.step(Step("s3.put_object", {**thing, "Body": b"2", "IfMatch": first["ETag"]}))
    checks.refused(Refused("that is another", "s3.put_object", {**thing, "Body": b"3", "IfMatch": first["ETag"]}, "PreconditionFailed", 412))
    checks.refused(Refused("that is another", "s3.delete_object", {**thing, "IfMatch": first["ETag"]}, "PreconditionFailed", 412))
    checks.step(Step("s3.get_object", thing, {"Body": is_text(b"2")}))
    checks.step(Step("s3.delete_object", thing))


def parts(checks, names):
    thing = {**BUCKET, "Key": "large"}
    upload = {**thing, "UploadId": checks.step(Step("s3.create_multipart_upload", {**thing, "Metadata": {"a": "b"}}))["UploadId"]}
    sent = [
        checks.step(Step("s3.upload_part", {**upload, "PartNumber": number, "Body": body}))["ETag"] for number, body in ((2, b"end"), (1, PART))
    ]
    checks.steps(
        Step("s3.list_parts", upload, {"Parts[].PartNumber": [1, 2], "Parts[0].Size": len(PART)}),
        Step("s3.list_multipart_uploads", BUCKET, {"Uploads[].Key": ["large"]}),
    )
    named = {"Parts": [{"PartNumber": 1, "ETag": sent[1]}, {"PartNumber": 2, "ETag": sent[0]}]}
    wrong = {"Parts": [{"PartNumber": 1, "ETag": sent[0]}]}
    checks.refused(Refused("a part that is another", "s3.complete_multipart_upload", {**upload, "MultipartUpload": wrong}, "InvalidPart", 400))
    checks.steps(
        Step("s3.complete_multipart_upload", {**upload, "MultipartUpload": named}, {"ETag": lambda etag: etag.endswith('-2"')}),
        Step("s3.head_object", thing, {"ContentLength": len(PART) + 3, "Metadata": {"a": "b"}}),
        Step("s3.get_object", {**thing, "Range": "bytes=-4"}, {"Body": is_text(b"xend")}),
        Step("s3.delete_object", thing),
    )
    upload = {**thing, "UploadId": checks.step(Step("s3.create_multipart_upload", thing))["UploadId"]}
    checks.steps(
        Step("s3.upload_part", {**upload, "PartNumber": 1, "Body": b"never"}),
        Step("s3.abort_multipart_upload", upload),
        Step("s3.list_multipart_uploads", BUCKET, {"Uploads": None}),
    )
    checks.refused(Refused("an upload that was aborted", "s3.list_parts", upload, "NoSuchUpload", 404))


def refusals(checks, names):
    thing, other = {**BUCKET, "Key": "k"}, {"Bucket": "nobody", "Key": "k"}
    there = {"Bucket": "round-trips", "CreateBucketConfiguration": {"LocationConstraint": REGION}}
    for case in (
        Refused("a bucket that is not there", "s3.put_object", {**other, "Body": b""}, "NoSuchBucket", 404),
        Refused("an object that is not there", "s3.get_object", thing, "NoSuchKey", 404),
        Refused("an object that is not there", "s3.head_object", thing, "404", 404),
        Refused("a bucket of another account", "s3.head_bucket", {**BUCKET, "ExpectedBucketOwner": "999999999999"}, "403", 403),
        Refused("a name that is taken", "s3.create_bucket", there, "BucketAlreadyOwnedByYou", 409),
        Refused("another region", "s3.create_bucket", {"Bucket": "far-away"}, "IllegalLocationConstraintException", 400),
    ):
        checks.refused(case)


def layer(**files):
    """A zip with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


def code(checks, names):
    """A function of a zip that lies in a bucket."""
    thing = {"S3Bucket": "round-trips", "S3Key": "code.zip"}
    checks.prepare(Step("s3.put_object", {**BUCKET, "Key": "code.zip", "Body": package()}))
    sha256 = base64.b64encode(hashlib.sha256(package()).digest()).decode()
    checks.steps(
        *steps_to_function(names, "stored", Code=thing),
        Step("lambda.get_function", {"FunctionName": "stored"}, {"Configuration.CodeSha256": sha256}),
        Step("lambda.update_function_code", {"FunctionName": "stored", **thing}, {"CodeSha256": sha256}),
        updated("stored"),
    )
    missing = {"FunctionName": "stored", **thing, "S3Key": "never"}
    checks.refused(Refused("code that is not there", "lambda.update_function_code", missing, "InvalidParameterValueException", 400, "NoSuchKey"))


def layers(checks, names):
    name, content = {"LayerName": "round"}, layer(bin__tool="#!/bin/sh", data="1")
    arn = f"arn:aws:lambda:{REGION}:{names.account}:layer:round"
    shown = {
        "LayerArn": arn, "LayerVersionArn": f"{arn}:1", "Version": 1, "Description": "Größe", "LicenseInfo": "MIT",
        "CompatibleRuntimes": ["provided.al2023"], "CompatibleArchitectures": ["arm64"], "Content.CodeSize": len(content),
        "Content.CodeSha256": base64.b64encode(hashlib.sha256(content).digest()).decode(),
    }
    described = {"Description": "Größe", "LicenseInfo": "MIT", "CompatibleRuntimes": ["provided.al2023"], "CompatibleArchitectures": ["arm64"]}
    checks.prepare(Step("s3.put_object", {**BUCKET, "Key": "layer.zip", "Body": layer(data="2")}))
    checks.steps(
        Step("lambda.publish_layer_version", {**name, **described, "Content": {"ZipFile": content}}, shown),
        Step("lambda.get_layer_version", {**name, "VersionNumber": 1}, shown),
        Step("lambda.get_layer_version_by_arn", {"Arn": f"{arn}:1"}, shown),
        Step("lambda.publish_layer_version", {**name, "Content": {"S3Bucket": "round-trips", "S3Key": "layer.zip"}}, {"Version": 2}),
        Step("pages lambda.list_layer_versions", name, {"LayerVersions[].Version": [2, 1]}),
        Step("lambda.list_layers", {}, {"Layers[].LayerName": ["round"], "Layers[0].LatestMatchingVersion.Version": 2}),
        Step("lambda.delete_layer_version", {**name, "VersionNumber": 2}),
        Step("lambda.delete_layer_version", {**name, "VersionNumber": 9}),
        Step("lambda.publish_layer_version", {**name, "Content": {"ZipFile": content}}, {"Version": 3}),
        Step("lambda.list_layer_versions", {"LayerName": "nobody"}, {"LayerVersions": []}),
    )
    for case in (
        Refused("a version that was deleted", "lambda.get_layer_version", {**name, "VersionNumber": 2}, "ResourceNotFoundException", 404),
        Refused("no zip", "lambda.publish_layer_version", {**name, "Content": {"ZipFile": b"no"}}, "InvalidParameterValueException", 400),
    ):
        checks.refused(case)


def layers_of_functions(checks, names):
    arn = f"arn:aws:lambda:{REGION}:{names.account}:layer:round"
    checks.steps(
        Step("lambda.update_function_configuration", {"FunctionName": "stored", "Layers": [f"{arn}:3"]}, {"Layers[].Arn": [f"{arn}:3"]}),
        updated("stored"),
        Step("lambda.delete_layer_version", {"LayerName": "round", "VersionNumber": 3}),
        Step("lambda.get_function", {"FunctionName": "stored"}, {"Configuration.Layers[].Arn": [f"{arn}:3"]}),
        Step("lambda.invoke", {"FunctionName": "stored", "Payload": b'{"do": "echo"}'}, {"FunctionError": None, "StatusCode": 200}),
    )
    missing = {"FunctionName": "stored", "Layers": [f"{arn}:9"]}
    checks.refused(Refused("a version that is not there", "lambda.update_function_configuration", missing, "InvalidParameterValueException", 400))


def ends(checks, names):
    checks.refused(Refused("what is not empty", "s3.delete_bucket", BUCKET, "BucketNotEmpty", 409))
    checks.steps(
        Step("lambda.delete_function", {"FunctionName": "stored"}),
        Step("lambda.delete_layer_version", {"LayerName": "round", "VersionNumber": 1}),
        Step("s3.delete_objects", {**BUCKET, "Delete": {"Objects": [{"Key": "code.zip"}, {"Key": "layer.zip"}]}}),
        Step("s3.delete_bucket", BUCKET),
        Step("s3.list_buckets", {}, {"Buckets": []}),
    )
