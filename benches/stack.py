"""The work: a number of functions, each with what a scheduled function needs, as lambdo and Terraform are told it.

Each has a role with a managed and an inline policy, a log group with 30 days of retention, a zip of its own of 2 MB, and
a schedule with its permission. That are 9 calls that create.
"""

import random
import zipfile
from pathlib import Path

ZIP_BYTES = 2_000_000

LAMBDO_HEAD = """\
project = "bench"

[aws]
region = "us-east-1"

[defaults]
runtime = "provided.al2023"
handler = "bootstrap"
architectures = "arm64"
memory_size = 128
timeout = 3
environment = {{ STAGE = "{variable}" }}
log_group.retention_in_days = 30
role.managed_policies = ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
"""
LAMBDO_FUNCTION = """
[function.fn-{number}]
function_name = "{name}"
code = {{ zip = "zips/{name}.zip" }}
role.allow = [{{ action = ["s3:GetObject", "s3:PutObject"], resource = "arn:aws:s3:::bench-data/*" }}]
event_rule.monthly.schedule_expression = "cron(0 6 1 * ? *)"
"""

TERRAFORM_ROOT = """\
provider "aws" {{
  s3_use_path_style = true
}}
variable "variable" {{ type = string }}
module "function" {{
  source   = "./function"
  for_each = toset([{names}])
  name     = each.key
  variable = var.variable
}}
"""
TERRAFORM_FUNCTION = """\
variable "name" { type = string }
variable "variable" { type = string }
locals {
  zip = "${path.root}/zips/${var.name}.zip"
}
resource "aws_iam_role" "this" {
  name = var.name
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}
resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}
resource "aws_iam_role_policy" "this" {
  name = "inline"
  role = aws_iam_role.this.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "arn:aws:s3:::bench-data/*" }]
  })
}
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = 30
}
resource "aws_lambda_function" "this" {
  function_name    = var.name
  role             = aws_iam_role.this.arn
  source_code_hash = filebase64sha256(local.zip)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = ["arm64"]
  memory_size      = 128
  timeout          = 3
CODE
  environment {
    variables = { STAGE = var.variable }
  }
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy_attachment.this, aws_iam_role_policy.this]
}
resource "aws_cloudwatch_event_rule" "this" {
  name                = var.name
  schedule_expression = "cron(0 6 1 * ? *)"
}
resource "aws_cloudwatch_event_target" "this" {
  rule      = aws_cloudwatch_event_rule.this.name
  target_id = "lambda"
  arn       = aws_lambda_function.this.arn
}
resource "aws_lambda_permission" "this" {
  statement_id  = "events"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this.arn
}
"""
TERRAFORM_FROM_FILE = "  filename         = local.zip"
TERRAFORM_FROM_S3 = """\
  s3_bucket        = aws_s3_object.this.bucket
  s3_key           = aws_s3_object.this.key"""
TERRAFORM_OBJECT = """\
resource "aws_s3_object" "this" {
  bucket      = "BUCKET"
  key         = "code/${var.name}"
  source      = local.zip
  source_hash = filemd5(local.zip)
}
"""
BUCKET = "bench-code"


def names(count):
    """What the functions are called."""
    return [f"bench-{number:04}" for number in range(1, count + 1)]


def zips(folder, count):
    """Makes the zips that are missing: data that nothing can make smaller, another for each function."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names(count)):
        path = folder / f"{name}.zip"
        if not path.exists():
            write_zip(path, seed)


def write_zip(path, seed):
    """Makes one zip; one that is not complete never has its name."""
    unfinished = path.with_suffix(".new")
    entry = zipfile.ZipInfo("bootstrap", (2024, 1, 1, 0, 0, 0))
    entry.external_attr = 0o755 << 16
    with zipfile.ZipFile(unfinished, "w") as archive:
        archive.writestr(entry, random.Random(seed).randbytes(ZIP_BYTES))
    unfinished.rename(path)


def write_lambdo(folder, count, variable):
    """Writes `config.toml`."""
    functions = (LAMBDO_FUNCTION.format(number=name[-4:], name=name) for name in names(count))
    Path(folder, "config.toml").write_text(LAMBDO_HEAD.format(variable=variable) + "".join(functions))


def write_terraform(folder, count, from_s3):
    """Writes a root module and the module of one function, whose code Terraform uploads to S3 first or not."""
    function = TERRAFORM_FUNCTION.replace("CODE", TERRAFORM_FROM_S3 if from_s3 else TERRAFORM_FROM_FILE)
    if from_s3:
        function += TERRAFORM_OBJECT.replace("BUCKET", BUCKET)
    Path(folder, "function").mkdir()
    Path(folder, "function", "main.tf").write_text(function)
    quoted = ", ".join(f'"{name}"' for name in names(count))
    Path(folder, "main.tf").write_text(TERRAFORM_ROOT.format(names=quoted))
