// Walks through the daemon's page in a real browser: what it looks like, whether it can be read by everybody, whether its buttons do
// what they say, with and without scripts. Started by scripts/page.
//
// usage: node walk.mjs ORIGIN TOKEN_ORIGIN TOKEN [FOLDER]
// The daemon at ORIGIN watches `shop` (drifted, with a plan that waits), `reports` (in order, with an audit of log groups), `billing`
// (drifted), `payments` (drifted, and healing fails) and `mail` (broken); the one at TOKEN_ORIGIN asks for TOKEN. Pictures are written into FOLDER. Ends with 1 when something is not as it should be.

import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";

const [origin, tokenOrigin, token, folder] = process.argv.slice(2);
const require = createRequire(`${process.env.LAMBDO_PAGE_MODULES}/package.json`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const PAGES = [
  ["overview", "/"],
  ["shop", "/specs/shop"],
  ["plan", "/specs/shop/plan"],
  ["history", "/specs/shop/history"],
  ["log", "/specs/shop/logs/orders?since=1h"],
  ["reports", "/specs/reports"],
  ["billing", "/specs/billing"],
  ["payments", "/specs/payments"],
  ["mail", "/specs/mail"],
  ["nothing", "/specs/nothing"],
];
const LOOKS = [
  ["light", { colorScheme: "light", viewport: { width: 1280, height: 900 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 900 } }],
  ["phone", { colorScheme: "light", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
];

let wrong = 0;
function check(isSo, text) {
  if (!isSo) wrong += 1;
  console.log(`${isSo ? "ok   " : "WRONG"} ${text}`);
}

async function accessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, impact, nodes } of violations) console.log(`      ${name}: ${impact} ${id}: ${nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  check(serious.length === 0, `${name}: ${violations.length} findings of axe, ${serious.length} of them serious`);
}

async function open(browser, options, base = origin) {
  const context = await browser.newContext({ baseURL: base, ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    const isExpected = message.text().includes("404 (Not Found)") || message.text().includes("401 (Unauthorized)");
    if (message.type() === "error" && !isExpected) check(false, `the browser says: ${message.text()}`);
  });
  page.on("pageerror", (error) => check(false, `the script fails: ${error}`));
  return page;
}

async function look(browser) {
  for (const [look, options] of LOOKS) {
    const page = await open(browser, options);
    for (const [name, path] of PAGES) {
      await page.goto(path, { waitUntil: "load" });
      await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
      await accessible(page, `${name}, ${look}`);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      check(width <= options.viewport.width, `${name}, ${look}: ${width} pixels wide`);
      if (folder) await page.screenshot({ path: `${folder}/${name}-${look}.png`, fullPage: true });
    }
    await page.context().close();
  }
}

// With the keyboard alone one gets to every resource of the graph.
async function keyboard(browser) {
  const page = await open(browser, LOOKS[0][1]);
  await page.goto("/specs/shop");
  const nodes = await page.locator(".graph a").count();
  const reached = new Set();
  for (let press = 0; press < 80; press += 1) {
    await page.keyboard.press("Tab");
    const label = await page.evaluate(() => document.activeElement.closest(".graph a")?.textContent);
    if (label) reached.add(label);
  }
  check(nodes > 3 && reached.size === nodes, `keyboard: ${reached.size} of ${nodes} resources reached`);
  await page.context().close();
}

// What does not work is said on the page of its spec and at a glance.
async function troubles(browser) {
  const page = await open(browser, LOOKS[0][1]);
  await page.goto("/specs/payments");
  const alert = page.locator(".alert", { hasText: "Drift could not be taken back" });
  check((await alert.innerText()).includes("UpdateFunctionConfiguration"), "troubles: healing that fails says which call AWS denies");
  await page.goto("/");
  const card = (name) => page.locator(".spec", { has: page.getByRole("heading", { name, exact: true }) });
  check((await card("payments").innerText()).includes("Drift could not be taken back"), "troubles: and so does its card");
  check((await card("mail").innerText()).includes("mail.toml:"), "troubles: the card of a broken spec says where");
  await page.context().close();
}

async function withoutScripts(browser) {
  const page = await open(browser, { ...LOOKS[0][1], javaScriptEnabled: false });
  await page.goto("/specs/billing");
  await page.getByRole("button", { name: "Check now" }).click();
  check(page.url() === `${origin}/specs/billing?told=check`, "without scripts: a check can be asked for");
  check(await page.getByText("A check was asked for").isVisible(), "without scripts: it is said that it was");
  await page.context().close();
}

// A person applies the plan, and sees what comes of it without loading the page anew.
async function apply(browser) {
  const page = await open(browser, LOOKS[0][1]);
  await page.goto("/specs/shop");
  check(await page.getByRole("heading", { name: "A plan waits for you" }).isVisible(), "plan: it waits");
  await page.getByText("What it would do").click();
  check((await page.locator("#plan pre").innerText()).includes("memory_size"), "plan: it says what it would do");
  await page.getByRole("button", { name: "Apply this plan" }).click();
  await page.waitForURL("**/specs/shop?told=apply");
  await page.getByText("Nothing drifted.").waitFor({ timeout: 120_000 });
  check(await page.locator(".timeline").getByText("Applied", { exact: true }).first().isVisible(), "plan: applied, and the history says so");
  check((await page.locator("#waiting").innerText()) === "", "plan: none waits any more");
  if (folder) await page.screenshot({ path: `${folder}/applied.png`, fullPage: true });
  await page.context().close();
}

async function login(browser) {
  const page = await open(browser, LOOKS[0][1], tokenOrigin);
  await page.goto("/specs/reports");
  check(page.url().includes("/login?to="), "login: it is asked for the token");
  await accessible(page, "login");
  if (folder) await page.screenshot({ path: `${folder}/login.png` });
  await page.getByLabel("Token").fill("not the token at all");
  await page.getByRole("button", { name: "Log in" }).click();
  check(await page.getByText("This is not the token.").isVisible(), "login: a wrong token is told");
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  check(page.url() === `${tokenOrigin}/specs/reports`, "login: the right one leads on");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.goto("/");
  check(page.url().includes("/login"), "login: one can log out");
  await page.context().close();
}

if (folder) mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.LAMBDO_CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  await look(browser);
  await keyboard(browser);
  await troubles(browser);
  await withoutScripts(browser);
  await login(browser);
  await apply(browser);
} finally {
  await browser.close();
}
console.log(`${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
