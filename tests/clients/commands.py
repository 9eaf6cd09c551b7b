"""What a person types: the AWS CLI, one process per command, against the cloud's endpoint."""

import base64
import collections
import json
import os
import pathlib
import shlex
import sys
import tempfile
import traceback

import awscli.clidriver
import containers
import jmespath
from checks import REGION
from stage import Names, allow, managed, package, trust


Done = collections.namedtuple("Done", "returncode stdout stderr")


class Shell:
    """A folder, and the environment that `lambdo local` tells to export."""

    def __init__(self, checks, endpoint_url, folder):
        self.checks, self.folder = checks, pathlib.Path(folder)
        self.environment = {
            "PATH": os.environ.get("PATH", ""), "HOME": folder, "AWS_ENDPOINT_URL": endpoint_url, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1", "AWS_DATA_PATH": os.environ.get("AWS_DATA_PATH", ""),
        }
        files = {
            "code.zip": package(), "trust.json": trust().encode(), "policy.json": allow().encode(),
            "lifecycle.json": json.dumps(containers.EXPIRE).encode(), "pull.json": json.dumps(containers.POLICY).encode(),
        }
        for name, content in files.items():
            (self.folder / name).write_bytes(content)

    def run(self, command):
        """Runs `aws …` to its end, in a copy of this process: loading the CLI is three quarters of what it costs."""
        outputs = [self.folder / name for name in ("stdout", "stderr")]
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            self.become(["aws", *shlex.split(command)], outputs)
        _, status = os.waitpid(child, 0)
        return Done(os.waitstatus_to_exitcode(status), *[output.read_text() for output in outputs])

    def become(self, words, outputs):
        """Is the CLI from now on, and does not come back."""
        code = 1
        for number, output in enumerate(outputs, 1):
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        try:
            os.chdir(self.folder)
            os.environ.clear()
            os.environ.update(self.environment)
            sys.argv = words
            code = awscli.clidriver.main()
        except BaseException:  # pylint: disable=broad-except
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def works(self, command, shows=None):
        """A command that must succeed: `shows` is a piece of its output, or values at JMESPath expressions of its JSON."""
        done = self.run(command)
        where = f"aws {command}"
        if done.returncode != 0:
            return self.checks.expect(where, False, done.stderr.strip())
        self.note(command)
        if not isinstance(shows, dict):
            return self.checks.expect(where, (shows or "") in done.stdout, f"does not say {shows!r}: {done.stdout}")
        answer = json.loads(done.stdout)
        wrong = {path: jmespath.search(path, answer) for path, value in shows.items() if jmespath.search(path, answer) != value}
        return self.checks.expect(where, not wrong, f"{wrong} instead of {shows}")

    def fails(self, command, code):
        """A command that must be refused with a code."""
        done = self.run(command)
        refused = done.returncode != 0 and f"({code})" in done.stderr
        self.checks.expect(f"aws {command}", refused, f"expected {code}, got {done.returncode}: {done.stderr.strip()}")

    def note(self, command):
        """Writes down which operation went through."""
        service, verb, *_ = shlex.split(command)
        service = {"s3api": "s3"}.get(service, service)
        words = "".join(part.capitalize() for part in verb.split("-"))
        self.checks.succeeded.add(f"{service}:{words}")


def run(checks, endpoint_url):
    checks.succeeded.clear()
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(checks, endpoint_url, folder)
        names = Names(checks.account)
        checks.parts([identity, roles, groups, functions, runs, permissions, rules, repositories, objects, layers, vault, ends], shell, names)


def identity(shell, names):
    shell.works("sts get-caller-identity", {"Account": names.account})
    shell.works("iam list-account-aliases", {"AccountAliases": []})


def roles(shell, names):
    works, role = shell.works, "--role-name typed"
    works(f"iam create-role {role} --path /typed/ --assume-role-policy-document file://trust.json --tags Key=team,Value=core",
          {"Role.Arn": names.role("typed/typed")})
    works(f"iam update-role {role} --description 'by hand'")
    works(f"iam update-assume-role-policy {role} --policy-document file://trust.json")
    works(f"iam get-role {role}", {"Role.Description": "by hand", "Role.AssumeRolePolicyDocument": json.loads(trust())})
    works(f"iam put-role-policy {role} --policy-name inline --policy-document file://policy.json")
    works(f"iam get-role-policy {role} --policy-name inline", {"PolicyDocument": json.loads(allow())})
    works(f"iam list-role-policies {role}", {"PolicyNames": ["inline"]})
    works(f"iam list-instance-profiles-for-role {role}", {"InstanceProfiles": []})
    works(f"iam attach-role-policy {role} --policy-arn {managed()}")
    works(f"iam list-attached-role-policies {role} --query AttachedPolicies[].PolicyName --output text", "AWSLambdaBasicExecutionRole")
    works(f"iam put-role-permissions-boundary {role} --permissions-boundary {managed('AmazonS3ReadOnlyAccess')}")
    works(f"iam delete-role-permissions-boundary {role}")
    works(f"iam tag-role {role} --tags Key=new,Value=1 Key=team,Value=other")
    works(f"iam untag-role {role} --tag-keys new")
    works(f"iam list-role-tags {role}", {"Tags": [{"Key": "team", "Value": "other"}]})
    works("iam list-roles --path-prefix /typed/ --max-items 10", {"Roles[].RoleName": ["typed"]})
    works("iam get-account-authorization-details --filter Role", {"RoleDetailList[].RoleName": ["typed"]})
    works("iam wait role-exists --role-name typed")
    shell.fails(f"iam create-role {role} --assume-role-policy-document file://trust.json", "EntityAlreadyExists")
    shell.fails(f"iam delete-role {role}", "DeleteConflict")


def repositories(shell, names):
    works, name, arn = shell.works, "--repository-name typed", f"arn:aws:ecr:{REGION}:{names.account}:repository/typed"
    digests = "sha256:" + "0" * 64
    works(f"ecr create-repository {name} --image-tag-mutability IMMUTABLE --tags Key=team,Value=core", {"repository.repositoryArn": arn})
    works("ecr describe-repositories --repository-names typed", {"repositories[0].imageTagMutability": "IMMUTABLE"})
    works(f"ecr put-image-tag-mutability {name} --image-tag-mutability MUTABLE", {"imageTagMutability": "MUTABLE"})
    works(f"ecr put-image-scanning-configuration {name} --image-scanning-configuration scanOnPush=true")
    works(f"ecr put-lifecycle-policy {name} --lifecycle-policy-text file://lifecycle.json")
    works(f"ecr get-lifecycle-policy {name}", {"repositoryName": "typed"})
    works(f"ecr delete-lifecycle-policy {name}")
    works(f"ecr set-repository-policy {name} --policy-text file://pull.json")
    works(f"ecr get-repository-policy {name}", {"registryId": names.account})
    works(f"ecr delete-repository-policy {name}")
    works(f"ecr tag-resource --resource-arn {arn} --tags Key=new,Value=1")
    works(f"ecr untag-resource --resource-arn {arn} --tag-keys team")
    works(f"ecr list-tags-for-resource --resource-arn {arn}", {"tags": [{"Key": "new", "Value": "1"}]})
    works("ecr get-authorization-token", {"authorizationData[0].proxyEndpoint": shell.environment["AWS_ENDPOINT_URL"]})
    works("ecr get-login-password")
    works(f"ecr list-images {name}", {"imageIds": []})
    works(f"ecr describe-images {name}", {"imageDetails": []})
    works(f"ecr batch-get-image {name} --image-ids imageTag=never", {"failures[0].failureCode": "ImageNotFound"})
    works(f"ecr batch-delete-image {name} --image-ids imageTag=never", {"failures[0].failureCode": "ImageNotFound"})
    works(f"ecr batch-check-layer-availability {name} --layer-digests {digests}", {"layers[0].layerAvailability": "UNAVAILABLE"})
    shell.fails(f"ecr create-repository {name}", "RepositoryAlreadyExistsException")
    works(f"ecr delete-repository {name} --force", {"repository.repositoryName": "typed"})
    shell.fails(f"ecr describe-images {name}", "RepositoryNotFoundException")


def objects(shell, names):
    works, thing = shell.works, "--bucket typed --key code.zip"
    works(f"s3api create-bucket --bucket typed --create-bucket-configuration LocationConstraint={REGION}")
    works(f"s3api put-object {thing} --body code.zip --metadata lambdo-lineage=l-1")
    works(f"s3api head-object {thing}", {"Metadata": {"lambdo-lineage": "l-1"}})
    works(f"s3api get-object {thing} got.zip")
    same = (shell.folder / "got.zip").read_bytes() == (shell.folder / "code.zip").read_bytes()
    shell.checks.expect("aws s3api get-object, its file", same, "differs from what was put")
    works("s3 cp code.zip s3://typed/copied.zip")
    works("s3 ls s3://typed/", "copied.zip")
    works("lambda update-function-code --function-name typed --s3-bucket typed --s3-key code.zip", {"LastUpdateStatus": "InProgress"})
    works("lambda wait function-updated-v2 --function-name typed")
    done = shell.run("s3api create-multipart-upload --bucket typed --key large --query UploadId --output text")
    shell.note("s3api create-multipart-upload")
    upload = f"--bucket typed --key large --upload-id {done.stdout.strip()}"
    works(f"s3api upload-part {upload} --part-number 1 --body code.zip")
    parts = json.loads(shell.run(f"s3api list-parts {upload}").stdout)["Parts"]
    named = json.dumps({"Parts": [{"PartNumber": 1, "ETag": parts[0]["ETag"]}]})
    works(f"s3api complete-multipart-upload {upload} --multipart-upload {shlex.quote(named)}", {"Key": "large"})
    done = shell.run("s3api create-multipart-upload --bucket typed --key never --query UploadId --output text")
    works("s3api list-multipart-uploads --bucket typed", {"Uploads[].Key": ["never"]})
    works(f"s3api abort-multipart-upload --bucket typed --key never --upload-id {done.stdout.strip()}")
    shell.fails("s3api head-object --bucket typed --key never", "404")
    works(f"s3api delete-object {thing}")
    works("s3 rm s3://typed --recursive")
    works("s3api delete-bucket --bucket typed")


def layers(shell, names):
    works, layer = shell.works, "--layer-name typed"
    arn = f"arn:aws:lambda:{REGION}:{names.account}:layer:typed:1"
    works(f"lambda publish-layer-version {layer} --zip-file fileb://code.zip --compatible-runtimes provided.al2023", {"LayerVersionArn": arn})
    works(f"lambda get-layer-version {layer} --version-number 1", {"Version": 1})
    works("lambda list-layers", {"Layers[].LayerName": ["typed"]})
    works(f"lambda list-layer-versions {layer}", {"LayerVersions[].Version": [1]})
    works(f"lambda update-function-configuration --function-name typed --layers {arn}", {"Layers[].Arn": [arn]})
    works("lambda wait function-updated-v2 --function-name typed")
    works("lambda update-function-configuration --function-name typed --layers")
    works("lambda wait function-updated-v2 --function-name typed")
    works(f"lambda delete-layer-version {layer} --version-number 1")
    shell.fails(f"lambda get-layer-version {layer} --version-number 1", "ResourceNotFoundException")


def vault(shell, _names):
    works = shell.works
    works("ssm put-parameter --name /typed/key --type SecureString --value first", {"Version": 1})
    works("ssm get-parameter --name /typed/key --with-decryption --query Parameter.Value --output text", "first")
    works("ssm get-parameters --names /typed/key /typed/other", {"InvalidParameters": ["/typed/other"]})
    works("ssm delete-parameter --name /typed/key")
    shell.fails("ssm get-parameter --name /typed/key", "ParameterNotFound")
    works("secretsmanager create-secret --name typed/db --secret-string first", {"Name": "typed/db"})
    works("secretsmanager get-secret-value --secret-id typed/db", {"SecretString": "first"})
    works("secretsmanager delete-secret --secret-id typed/db --force-delete-without-recovery")
    shell.fails("secretsmanager get-secret-value --secret-id typed/db", "ResourceNotFoundException")


def groups(shell, names):
    works, group, arn = shell.works, "--log-group-name /aws/lambda/typed", names.group("/aws/lambda/typed")
    key = f"arn:aws:kms:{REGION}:{names.account}:key/12345678-1234-1234-1234-123456789012"
    works(f"logs create-log-group {group} --tags team=core")
    works(f"logs put-retention-policy {group} --retention-in-days 14")
    works("logs describe-log-groups --log-group-name-prefix /aws/lambda/", {"logGroups[0].retentionInDays": 14})
    works(f"logs delete-retention-policy {group}")
    works(f"logs associate-kms-key {group} --kms-key-id {key}")
    works(f"logs disassociate-kms-key {group}")
    works(f"logs tag-resource --resource-arn {arn} --tags new=1")
    works(f"logs untag-resource --resource-arn {arn} --tag-keys team")
    works(f"logs list-tags-for-resource --resource-arn {arn}", {"tags": {"new": "1"}})
    shell.fails(f"logs put-retention-policy {group} --retention-in-days 2", "InvalidParameterException")
    shell.fails(f"logs create-log-group {group}", "ResourceAlreadyExistsException")


def functions(shell, names):
    works, function, arn = shell.works, "--function-name typed", names.function("typed")
    create = f"--runtime provided.al2023 --handler bootstrap --role {names.role('typed/typed')}"
    works(f"lambda create-function {function} {create} --zip-file fileb://code.zip --memory-size 256 --timeout 5 "
          "--environment 'Variables={LEVEL=info,MODE=fast}' --tags team=core", {"FunctionArn": arn, "State": "Pending"})
    works(f"lambda wait function-active-v2 {function}")
    works(f"lambda get-function {function}", {"Configuration.State": "Active", "Tags": {"team": "core"}, "Configuration.MemorySize": 256})
    works("lambda list-functions --query Functions[].FunctionName", "typed")
    works(f"lambda update-function-configuration {function} --memory-size 512", {"MemorySize": 512, "LastUpdateStatus": "InProgress"})
    works(f"lambda wait function-updated-v2 {function}")
    works(f"lambda update-function-code {function} --zip-file fileb://code.zip --architectures arm64", {"Architectures": ["arm64"]})
    works(f"lambda wait function-updated-v2 {function}")
    works(f"lambda put-function-concurrency {function} --reserved-concurrent-executions 5", {"ReservedConcurrentExecutions": 5})
    works(f"lambda get-function-concurrency {function}", {"ReservedConcurrentExecutions": 5})
    works(f"lambda delete-function-concurrency {function}")
    works(f"lambda get-function-code-signing-config {function}")
    works(f"lambda get-function-recursion-config {function}", {"RecursiveLoop": "Terminate"})
    works(f"lambda get-runtime-management-config {function}", {"UpdateRuntimeOn": "Auto"})
    works(f"lambda list-event-source-mappings {function}", {"EventSourceMappings": []})
    works(f"lambda tag-resource --resource {arn} --tags new=1")
    works(f"lambda untag-resource --resource {arn} --tag-keys team")
    works(f"lambda list-tags --resource {arn}", {"Tags": {"new": "1"}})
    shell.fails(f"lambda create-function {function} {create} --zip-file fileb://code.zip", "ResourceConflictException")
    shell.fails(f"lambda create-function --function-name other {create} --zip-file fileb://code.zip --layers nonsense",
        "ValidationException")
    shell.fails(f"lambda update-function-configuration {function} --timeout 901", "ValidationException")
    shell.fails("lambda get-function --function-name nobody", "ResourceNotFoundException")


def runs(shell, names):
    event = json.dumps({"do": "print", "text": "typed by hand"})
    shell.works(f"lambda invoke --function-name typed --payload {shlex.quote(event)} out.json",
        {"StatusCode": 200, "ExecutedVersion": "$LATEST"})
    answer = json.loads((shell.folder / "out.json").read_text())
    shell.checks.expect("aws lambda invoke, its file", answer["event"] == json.loads(event) and answer["environment"]["LEVEL"] == "info",
        answer)
    tail = "--log-type Tail --query LogResult --output text"
    done = shell.run(f"lambda invoke --function-name typed --payload {shlex.quote(event)} {tail} out.json")
    tail = base64.b64decode(done.stdout).decode()
    shell.checks.expect("aws lambda invoke, the log's tail", "typed by hand" in tail and "REPORT RequestId" in tail, tail)
    shell.works("lambda invoke --function-name typed --payload '{\"do\": \"fail\"}' out.json", {"FunctionError": "Unhandled"})
    shell.works("lambda invoke --function-name typed --invocation-type Event --payload '{}' out.json", {"StatusCode": 202})
    shell.fails("lambda invoke --function-name typed --payload '{' out.json", "InvalidRequestContentException")
    group = "--log-group-name /aws/lambda/typed"
    shell.works(f"logs filter-log-events {group} --filter-pattern REPORT --max-items 1 --query events[].message --output text",
        "REPORT RequestId")
    shell.works(f"logs describe-log-streams {group} --query logStreams[].logStreamName", "[$LATEST]")


def permissions(shell, names):
    function, rule = "--function-name typed", names.rule("typed")
    added = f"{function} --statement-id events --action lambda:InvokeFunction --principal events.amazonaws.com --source-arn {rule}"
    shell.works(f"lambda add-permission {added}", "events.amazonaws.com")
    shell.fails(f"lambda add-permission {added}", "ResourceConflictException")
    shell.works(f"lambda get-policy {function} --query Policy --output text", rule)


def rules(shell, names):
    works, rule, arn = shell.works, "--name typed", names.rule("typed")
    works(f"events put-rule {rule} --schedule-expression 'cron(0 6 1 * ? *)' --description monthly --tags Key=team,Value=core",
        {"RuleArn": arn})
    works(f"events put-targets --rule typed --targets Id=one,Arn={names.function('typed')}", {"FailedEntryCount": 0})
    works(f"events describe-rule {rule}", {"ScheduleExpression": "cron(0 6 1 * ? *)", "State": "ENABLED", "Description": "monthly"})
    works("events list-rules --name-prefix ty", {"Rules[].Name": ["typed"]})
    works("events list-targets-by-rule --rule typed", {"Targets[].Arn": [names.function("typed")]})
    works(f"events disable-rule {rule}")
    works(f"events enable-rule {rule}")
    works(f"events tag-resource --resource-arn {arn} --tags Key=new,Value=1")
    works(f"events untag-resource --resource-arn {arn} --tag-keys team")
    works(f"events list-tags-for-resource --resource-arn {arn}", {"Tags": [{"Key": "new", "Value": "1"}]})
    works("""events put-events --entries '[{"Source":"typed","DetailType":"typed","Detail":"{}"}]'""", {"FailedEntryCount": 0})
    shell.fails(f"events put-rule {rule} --schedule-expression 'rate(1 days)'", "ValidationException")
    shell.fails(f"events delete-rule {rule}", "ValidationException")
    works("events remove-targets --rule typed --ids one", {"FailedEntryCount": 0})
    works(f"events delete-rule {rule}")
    shell.fails(f"events describe-rule {rule}", "ResourceNotFoundException")


def ends(shell, names):
    works = shell.works
    works("lambda remove-permission --function-name typed --statement-id events")
    works("lambda delete-function --function-name typed")
    shell.fails("lambda get-function --function-name typed", "ResourceNotFoundException")
    works("iam delete-role-policy --role-name typed --policy-name inline")
    works(f"iam detach-role-policy --role-name typed --policy-arn {managed()}")
    works("iam delete-role --role-name typed")
    works("logs delete-log-group --log-group-name /aws/lambda/typed")
