// Answers the SHA-256 of its input, as base64url.
import { createHash } from "node:crypto";

export const handler = async (event) =>
  createHash("sha256").update(event).digest("base64").replaceAll("+", "-").replaceAll("/", "_");
