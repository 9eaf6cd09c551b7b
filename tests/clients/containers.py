"""Repositories and images: what is pushed comes back, what AWS refuses is refused, functions take images."""

import base64
import hashlib
import http.client
import json
import urllib.parse

from checks import REGION, Refused, Step
from stage import Names, trust

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

EXPIRE = {
    "rules": [{
        "rulePriority": 1, "description": "untagged images go",
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
        "action": {"type": "expire"},
    }],
}
STATEMENT = {
    "Sid": "own", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
}
POLICY = {"Version": "2012-10-17", "Statement": [STATEMENT]}


def run(checks, endpoint_url):
    names = Names(checks.account)
    checks.parts([repositories, settings, layers, images, functions, refusals, registry], checks, names)
    checks.parts([ends], checks, names)


def digest(content):
    """How a registry calls a content."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def repository_arn(names, name):
    return f"arn:aws:ecr:{REGION}:{names.account}:repository/{name}"


def uri(names, name):
    return f"{names.account}.dkr.ecr.{REGION}.amazonaws.com/{name}"


def image_parts(mark, architecture="amd64"):
    """The contents of an image that nobody starts: configuration, layer, manifest."""
    layer = b"\0" * 1024
    config = json.dumps({"architecture": architecture, "os": "linux", "config": {"Entrypoint": ["/hello"], "Env": [f"MARK={mark}"]}}).encode()
    described = [{"mediaType": kind, "digest": digest(part), "size": len(part)} for kind, part in ((CONFIG, config), (LAYER, layer))]
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]})
    return config, layer, manifest


def send(checks, name, content):
    """Uploads a layer by AWS's own operations."""
    upload = checks.step(Step("ecr.initiate_layer_upload", {"repositoryName": name}, {"partSize": lambda size: size > 0}))
    named = {"repositoryName": name, "uploadId": upload["uploadId"]}
    half = len(content) // 2
    for first, last in ((0, half), (half, len(content))):
        part = {"partFirstByte": first, "partLastByte": last - 1, "layerPartBlob": content[first:last]}
        checks.step(Step("ecr.upload_layer_part", {**named, **part}, {"lastByteReceived": last - 1}))
    checks.step(Step("ecr.complete_layer_upload", {**named, "layerDigests": [digest(content)]}, {"layerDigest": digest(content)}))


def push(checks, name, mark, tag, architecture="amd64"):
    """Pushes an image; gives its digest."""
    config, layer, manifest = image_parts(mark, architecture)
    available = checks.answer("ecr.batch_check_layer_availability", {"repositoryName": name, "layerDigests": [digest(config), digest(layer)]})
    for content, found in zip((config, layer), available["layers"]):
        if found["layerAvailability"] != "AVAILABLE":
            send(checks, name, content)
    sent = {"repositoryName": name, "imageManifest": manifest, "imageManifestMediaType": MANIFEST, **({"imageTag": tag} if tag else {})}
    checks.step(Step("ecr.put_image", sent, {"image.imageId.imageDigest": digest(manifest.encode())}))
    return digest(manifest.encode())


def repositories(checks, names):
    name = {"repositoryName": "team/round"}
    shown = {
        "repositoryArn": repository_arn(names, "team/round"), "registryId": names.account, "repositoryName": "team/round",
        "repositoryUri": uri(names, "team/round"), "imageTagMutability": "IMMUTABLE", "imageScanningConfiguration.scanOnPush": True,
        "encryptionConfiguration.encryptionType": "KMS", "createdAt.year": None,
    }
    made = {f"repository.{path}": value for path, value in shown.items() if value is not None}
    found = {f"repositories[0].{path}": value for path, value in shown.items() if value is not None}
    checks.steps(
        Step("ecr.create_repository", {
            **name, "imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": True},
            "encryptionConfiguration": {"encryptionType": "KMS"}, "tags": [{"Key": "team", "Value": "core"}],
        }, made),
        Step("ecr.describe_repositories", {"repositoryNames": ["team/round"]}, found),
        Step("ecr.create_repository", {"repositoryName": "plain"}, {
            "repository.imageTagMutability": "MUTABLE", "repository.encryptionConfiguration": {"encryptionType": "AES256"},
            "repository.imageScanningConfiguration": {"scanOnPush": False}, "repository.createdAt": lambda date: date.year >= 2025,
        }),
        *[Step("ecr.create_repository", {"repositoryName": f"many-{number}"}) for number in range(3)],
        Step("pages ecr.describe_repositories", {}, {"repositories[].repositoryName": ["many-0", "many-1", "many-2", "plain", "team/round"]}),
        Step("ecr.delete_repository", {"repositoryName": "many-0"}, {"repository.repositoryName": "many-0"}),
        Step("ecr.delete_repository", {"repositoryName": "many-1", "force": True}),
        Step("ecr.describe_repositories", {"repositoryNames": ["many-2", "plain"]}, {"length(repositories)": 2}),
    )


def settings(checks, names):
    name, arn = {"repositoryName": "team/round"}, {"resourceArn": repository_arn(names, "team/round")}
    exclusion = [{"filterType": "WILDCARD", "filter": "latest*"}]
    text = json.dumps(EXPIRE)
    checks.steps(
        Step("ecr.put_image_tag_mutability", {
            **name, "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": exclusion,
        }, {"imageTagMutabilityExclusionFilters": exclusion}),
        Step("ecr.describe_repositories", {"repositoryNames": ["team/round"]}, {
            "repositories[0].imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "repositories[0].imageTagMutabilityExclusionFilters": exclusion,
        }),
        Step("ecr.put_image_tag_mutability", {**name, "imageTagMutability": "IMMUTABLE"}, {"imageTagMutability": "IMMUTABLE"}),
        Step("ecr.put_image_scanning_configuration", {**name, "imageScanningConfiguration": {"scanOnPush": False}},
             {"imageScanningConfiguration.scanOnPush": False}),
        Step("ecr.put_lifecycle_policy", {**name, "lifecyclePolicyText": text}, {"lifecyclePolicyText": same(EXPIRE)}),
        Step("ecr.get_lifecycle_policy", name, {"lifecyclePolicyText": same(EXPIRE), "lastEvaluatedAt": lambda date: date.year >= 2025}),
        Step("ecr.delete_lifecycle_policy", name, {"lifecyclePolicyText": same(EXPIRE)}),
        Step("ecr.set_repository_policy", {**name, "policyText": json.dumps(POLICY)}, {"policyText": same(POLICY)}),
        Step("ecr.get_repository_policy", name, {"policyText": same(POLICY)}),
        Step("ecr.delete_repository_policy", name, {"policyText": same(POLICY)}),
        Step("ecr.tag_resource", {**arn, "tags": [{"Key": "new", "Value": "ä/1"}, {"Key": "team", "Value": "other"}]}),
        Step("ecr.list_tags_for_resource", arn, {"tags": [{"Key": "new", "Value": "ä/1"}, {"Key": "team", "Value": "other"}]}),
        Step("ecr.untag_resource", {**arn, "tagKeys": ["new", "never"]}),
        Step("ecr.list_tags_for_resource", arn, {"tags": [{"Key": "team", "Value": "other"}]}),
    )


def same(document):
    """Whether a text is this document."""
    return lambda text: json.loads(text) == document


def layers(checks, _names):
    name = {"repositoryName": "plain"}
    content = bytes(range(256)) * 40
    absent = "sha256:" + "0" * 64
    send(checks, "plain", content)
    checks.steps(
        Step("ecr.batch_check_layer_availability", {**name, "layerDigests": [digest(content), absent, "nonsense"]}, {
            "layers[].layerAvailability": ["AVAILABLE", "UNAVAILABLE"], "layers[0].layerSize": len(content),
            "failures[].failureCode": ["InvalidLayerDigest"],
        }),
        Step("ecr.get_download_url_for_layer", {**name, "layerDigest": digest(content)}, {"layerDigest": digest(content)}),
    )


def images(checks, names):
    name = {"repositoryName": "plain"}
    first = push(checks, "plain", "one", "v1")
    second = push(checks, "plain", "two", "v2")
    untagged = push(checks, "plain", "three", None)
    by_tag = {**name, "imageIds": [{"imageTag": "v1"}]}
    checks.steps(
        Step("ecr.describe_images", by_tag, {
            "imageDetails[0].imageDigest": first, "imageDetails[0].imageTags": ["v1"], "imageDetails[0].repositoryName": "plain",
            "imageDetails[0].imageSizeInBytes": 1024, "imageDetails[0].imageManifestMediaType": MANIFEST,
            "imageDetails[0].imagePushedAt": lambda date: date.year >= 2025,
        }),
        Step("pages ecr.describe_images", name, {"length(imageDetails)": 3}),
        Step("pages ecr.list_images", {**name, "filter": {"tagStatus": "TAGGED"}}, {"imageIds[].imageTag | sort(@)": ["v1", "v2"]}),
        Step("ecr.list_images", {**name, "filter": {"tagStatus": "UNTAGGED"}}, {"imageIds": [{"imageDigest": untagged}]}),
        Step("ecr.batch_get_image", {**name, "imageIds": [
            {"imageDigest": second}, {"imageTag": "v1"}, {"imageTag": "never"}, {"imageDigest": first, "imageTag": "v2"},
        ]}, {
            "images[].imageId": [{"imageDigest": second}, {"imageDigest": first, "imageTag": "v1"}],
            "images[0].imageManifest": image_parts("two")[2], "failures[].failureCode": ["ImageNotFound", "ImageTagDoesNotMatchDigest"],
        }),
    )
    # A tag that is moved leaves the other image, without a tag.
    config, layer, manifest = image_parts("two")
    checks.steps(
        Step("ecr.put_image", {**name, "imageManifest": manifest, "imageTag": "v1"}, {"image.imageId": {"imageDigest": second, "imageTag": "v1"}}),
        Step("ecr.describe_images", by_tag, {"imageDetails[0].imageTags": ["v1", "v2"]}),
        Step("ecr.list_images", {**name, "filter": {"tagStatus": "UNTAGGED"}}, {"length(imageIds)": 2}),
        Step("ecr.batch_delete_image", {**name, "imageIds": [{"imageTag": "v1"}, {"imageDigest": first}, {"imageTag": "never"}]}, {
            "imageIds": [{"imageDigest": second, "imageTag": "v1"}, {"imageDigest": first}], "failures[].failureCode": ["ImageNotFound"],
        }),
        Step("ecr.describe_images", {**name, "imageIds": [{"imageDigest": second}]}, {"imageDetails[0].imageTags": ["v2"]}),
        Step("ecr.batch_delete_image", {**name, "imageIds": [{"imageDigest": second}]}, {"imageIds": [{"imageDigest": second, "imageTag": "v2"}]}),
        Step("ecr.batch_delete_image", {**name, "imageIds": [{"imageDigest": untagged}]}),
        Step("ecr.batch_check_layer_availability", {**name, "layerDigests": [digest(config), digest(layer)]},
             {"layers[].layerAvailability": ["UNAVAILABLE", "UNAVAILABLE"]}),
        Step("ecr.list_images", name, {"imageIds": []}),
    )


def functions(checks, names):
    one, two = push(checks, "team/round", "one", "v1"), push(checks, "team/round", "two", "v2", "arm64")
    place = uri(names, "team/round")
    function = {"FunctionName": "contained"}
    new = {**function, "Role": names.role("container"), "PackageType": "Image", "Code": {"ImageUri": f"{place}:v1"}}
    config = {"EntryPoint": ["/hello", "-v"], "Command": ["app.handler"], "WorkingDirectory": "/srv"}
    hashed = one.removeprefix("sha256:")
    checks.steps(
        Step("iam.create_role", {"RoleName": "container", "AssumeRolePolicyDocument": trust()}),
        Step("lambda.create_function", {**new, "ImageConfig": config, "Timeout": 7}, {
            "PackageType": "Image", "CodeSha256": hashed, "CodeSize": 0, "State": "Pending", "Runtime": None, "Handler": None,
            "ImageConfigResponse": {"ImageConfig": config},
        }),
        Step("wait lambda.function_active_v2", function),
        Step("lambda.get_function", function, {
            "Code": {"RepositoryType": "ECR", "ImageUri": f"{place}:v1", "ResolvedImageUri": f"{place}@{one}"},
            "Configuration.PackageType": "Image", "Configuration.RuntimeVersionConfig": None, "Configuration.Architectures": ["x86_64"],
        }),
        # Lambda lets itself in.
        Step("ecr.get_repository_policy", {"repositoryName": "team/round"}, {"policyText": lambda text: "LambdaECRImageRetrievalPolicy" in text}),
        Step("lambda.update_function_code", {**function, "ImageUri": f"{place}@{two}", "Architectures": ["arm64"]}, {
            "CodeSha256": two.removeprefix("sha256:"), "LastUpdateStatus": "InProgress", "Architectures": ["arm64"],
        }),
        Step("wait lambda.function_updated_v2", function),
        Step("lambda.update_function_configuration", {**function, "ImageConfig": {}}, {"ImageConfigResponse": None}),
        Step("wait lambda.function_updated_v2", function),
        # The image goes, and the function keeps it.
        Step("ecr.batch_delete_image", {"repositoryName": "team/round", "imageIds": [{"imageDigest": two}]}, {"failures": []}),
        Step("lambda.get_function", function, {"Code.ResolvedImageUri": f"{place}@{two}"}),
        Step("lambda.list_functions", {}, {"Functions[?FunctionName=='contained'].PackageType": ["Image"]}),
    )


def refusals(checks, names):
    invalid, function_invalid = "InvalidParameterException", "InvalidParameterValueException"
    name, place = {"repositoryName": "team/round"}, uri(names, "team/round")
    missing, absent = {"repositoryName": "never"}, "sha256:" + "0" * 64
    manifest = image_parts("one")[2]
    other = image_parts("never sent")[2]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": MANIFEST, "digest": digest(manifest.encode()), "size": len(manifest)},
    ]})
    lost = index.replace(digest(manifest.encode()), absent)
    checks.step(Step("ecr.put_image", {**name, "imageManifest": index, "imageTag": "index"}, {"image.imageManifestMediaType": INDEX}))
    new = {"FunctionName": "refused", "Role": names.role("container"), "PackageType": "Image", "Code": {"ImageUri": f"{place}:v1"}}
    update = {"FunctionName": "contained"}

    def image(what, code, status, says, where):
        return Refused(what, "lambda.create_function", {**new, "Code": {"ImageUri": where}}, code, status, says)

    cases = [
        Refused("a name in capitals", "ecr.create_repository", {"repositoryName": "Team"}, invalid, 400, "repositoryName"),
        Refused("a name of one letter", "ecr.create_repository", {"repositoryName": "a"}, invalid, 400),
        Refused("no name", "ecr.create_repository", {}, invalid, 400),
        Refused("a name that is taken", "ecr.create_repository", name, "RepositoryAlreadyExistsException", 400, "team/round"),
        Refused("mutability that is none", "ecr.create_repository", {**missing, "imageTagMutability": "SOMETIMES"}, invalid, 400),
        Refused("exclusions without filters", "ecr.put_image_tag_mutability",
                {**name, "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}, invalid, 400),
        Refused("a tag of AWS's own", "ecr.create_repository", {**missing, "tags": [{"Key": "aws:x", "Value": ""}]},
                "InvalidTagParameterException", 400),
        Refused("51 tags", "ecr.create_repository", {**missing, "tags": [{"Key": str(n), "Value": ""} for n in range(51)]},
                "TooManyTagsException", 400),
        Refused("another registry", "ecr.describe_repositories", {"registryId": "999999999999"}, "RepositoryNotFoundException", 400),
        Refused("a repository that is not there", "ecr.describe_repositories", {"repositoryNames": ["never"]},
                "RepositoryNotFoundException", 400, "never"),
        Refused("a repository with images", "ecr.delete_repository", name, "RepositoryNotEmptyException", 400, "still contains images"),
        Refused("no lifecycle policy", "ecr.get_lifecycle_policy", name, "LifecyclePolicyNotFoundException", 400),
        Refused("a lifecycle policy that is none", "ecr.put_lifecycle_policy", {**name, "lifecyclePolicyText": "x" * 200}, invalid, 400),
        Refused("a short lifecycle policy", "ecr.put_lifecycle_policy", {**name, "lifecyclePolicyText": "{}"}, invalid, 400),
        Refused("no policy", "ecr.get_repository_policy", {"repositoryName": "plain"}, "RepositoryPolicyNotFoundException", 400),
        Refused("a policy that is none", "ecr.set_repository_policy", {**name, "policyText": "{}"}, invalid, 400),
        Refused("an ARN that is none", "ecr.list_tags_for_resource", {"resourceArn": "arn:aws:s3:::x"}, invalid, 400),
        Refused("an image that is not there", "ecr.describe_images", {**name, "imageIds": [{"imageTag": "never"}]},
                "ImageNotFoundException", 400, "imageTag:'never'"),
        Refused("a tag that must stay", "ecr.put_image", {**name, "imageManifest": manifest, "imageTag": "index"},
                "ImageTagAlreadyExistsException", 400, "immutable"),
        Refused("an image that is there", "ecr.put_image", {**name, "imageManifest": manifest, "imageTag": "v1"},
                "ImageAlreadyExistsException", 400),
        Refused("layers that are not there", "ecr.put_image", {**name, "imageManifest": other}, "LayersNotFoundException", 400),
        Refused("an index of nothing", "ecr.put_image", {**name, "imageManifest": lost}, "ReferencedImagesNotFoundException", 400),
        Refused("another digest", "ecr.put_image", {**name, "imageManifest": manifest, "imageDigest": absent},
                "ImageDigestDoesNotMatchException", 400),
        Refused("no manifest", "ecr.put_image", {**name, "imageManifest": "{}"}, invalid, 400),
        Refused("an upload that is not there", "ecr.complete_layer_upload",
                {**name, "uploadId": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "layerDigests": [absent]}, "UploadNotFoundException", 400),
        image("an image that is not there", function_invalid, 400, "does not exist", f"{place}:never"),
        image("a repository that is not there", function_invalid, 400, "does not exist", uri(names, "never") + ":v1"),
        image("an index", function_invalid, 400, "is not supported", f"{place}:index"),
        image("somebody else's registry", function_invalid, 400, "is not valid", "public.ecr.aws/lambda/python:3.13"),
        image("another account", "AccessDeniedException", 403, "permission", f"{place}:v1".replace(names.account, "999999999999")),
        image("another region", function_invalid, 400, "same region", f"{place}:v1".replace(REGION, "us-east-1")),
        Refused("no image", "lambda.create_function", {**new, "Code": {}}, function_invalid, 400, "ImageUri"),
        Refused("a handler", "lambda.create_function", {**new, "Handler": "x"}, function_invalid, 400, "Handler or Runtime or Layer"),
        Refused("a runtime", "lambda.update_function_configuration", {**update, "Runtime": "python3.13"}, function_invalid, 400, "Image"),
        Refused("a zip for an image", "lambda.update_function_code", {**update, "ZipFile": b"x"}, function_invalid, 400, "ImageUri"),
        Refused("a long working directory", "lambda.update_function_configuration",
                {**update, "ImageConfig": {"WorkingDirectory": "/" * 1001}}, "ValidationException", 400, "workingDirectory"),
    ]
    for case in cases:
        checks.refused(case)


def registry(checks, names):
    """The registry's own protocol, as docker speaks it."""
    answer = checks.step(Step("ecr.get_authorization_token", {}, {"authorizationData[0].expiresAt": lambda date: date.year >= 2025}))
    data = answer["authorizationData"][0]
    authority = urllib.parse.urlsplit(data["proxyEndpoint"]).netloc

    def ask(method, path, body=None, **headers):
        connection = http.client.HTTPConnection(authority, timeout=30)
        connection.request(method, path, body, {"Authorization": "Basic " + data["authorizationToken"], **headers})
        response = connection.getresponse()
        return response, response.read()

    def expect(what, found, wanted):
        checks.expect(f"registry, {what}", found == wanted, f"{found!r}, expected {wanted!r}")

    expect("who is known", ask("GET", "/v2/")[0].status, 200)
    stranger, body = ask("GET", "/v2/", Authorization="Basic " + base64.b64encode(b"AWS:guess").decode())
    expect("a stranger", (stranger.status, "Basic" in stranger.headers["WWW-Authenticate"], b"UNAUTHORIZED" in body), (401, True, True))
    expect("tags", json.loads(ask("GET", "/v2/team/round/tags/list")[1]), {"name": "team/round", "tags": ["index", "v1"]})
    response, body = ask("GET", "/v2/team/round/manifests/v1")
    expect("a manifest", (body.decode(), response.headers["Content-Type"], response.headers["Docker-Content-Digest"]),
           (image_parts("one")[2], MANIFEST, digest(body)))
    layer = image_parts("one")[1]
    expect("a layer", ask("GET", f"/v2/team/round/blobs/{digest(layer)}")[1], layer)
    head, _ = ask("HEAD", f"/v2/team/round/blobs/{digest(layer)}")
    expect("a layer's size", (head.status, head.headers["Content-Length"]), (200, "1024"))
    for path in ("blobs/sha256:" + "0" * 64, "manifests/never", "blobs/..%2f..%2fcloud.redb", "blobs/uploads/never"):
        expect(f"no {path}", ask("GET", f"/v2/team/round/{path}")[0].status, 404)
    expect("no repository", ask("POST", "/v2/never/blobs/uploads/")[0].status, 404)


def ends(checks, names):
    checks.steps(
        Step("lambda.delete_function", {"FunctionName": "contained"}),
        Step("iam.delete_role", {"RoleName": "container"}),
        *[Step("ecr.delete_repository", {"repositoryName": name, "force": True}) for name in ("team/round", "plain", "many-2")],
        Step("ecr.describe_repositories", {}, {"repositories": []}),
    )
