# The benchmark's stack: eight resources for each function, so that a tool that others wrote says whether
# what it reads back from the local cloud is what it wrote.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {}

variable "count_of_functions" {
  type    = number
  default = 5
}

variable "level" {
  type    = string
  default = "info"
}

locals {
  names = toset([for number in range(var.count_of_functions) : format("stack-%04d", number + 1)])
  code  = "${path.module}/code.zip"
}

resource "aws_iam_role" "each" {
  for_each           = local.names
  name               = each.key
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}

resource "aws_iam_role_policy_attachment" "each" {
  for_each   = local.names
  role       = aws_iam_role.each[each.key].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy" "each" {
  for_each = local.names
  name     = "inline"
  role     = aws_iam_role.each[each.key].name
  policy   = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "arn:aws:s3:::bench-data/*" }] })
}

resource "aws_cloudwatch_log_group" "each" {
  for_each          = local.names
  name              = "/aws/lambda/${each.key}"
  retention_in_days = 30
}

resource "aws_lambda_function" "each" {
  for_each         = local.names
  function_name    = each.key
  role             = aws_iam_role.each[each.key].arn
  filename         = local.code
  source_code_hash = filebase64sha256(local.code)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = ["arm64"]
  memory_size      = 128
  timeout          = 3
  environment {
    variables = { LEVEL = var.level }
  }
  depends_on = [aws_cloudwatch_log_group.each, aws_iam_role_policy_attachment.each, aws_iam_role_policy.each]
}

resource "aws_cloudwatch_event_rule" "each" {
  for_each            = local.names
  name                = each.key
  schedule_expression = "cron(0 6 1 * ? *)"
}

resource "aws_cloudwatch_event_target" "each" {
  for_each  = local.names
  rule      = aws_cloudwatch_event_rule.each[each.key].name
  target_id = "lambda"
  arn       = aws_lambda_function.each[each.key].arn
}

resource "aws_lambda_permission" "each" {
  for_each      = local.names
  statement_id  = "events"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.each[each.key].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.each[each.key].arn
}
