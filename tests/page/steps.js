/*
 * node steps.js PAGE.html SCREENSHOT.png: opens the page in headless Chromium, goes through it by buttons
 * and keys, and says in a line for each check what holds: "ok NAME", or "not ok NAME: WHY".
 */
"use strict";
const fs = require("fs");
const os = require("os");
const path = require("path");
const { chromium } = require("playwright-core");

let bad = 0;
function check(name, holds, why) {
	console.log(holds ? `ok ${name}` : `not ok ${name}: ${why}`);
	bad += !holds;
}

/* What the page shows now. */
async function look(page) {
	return page.evaluate(() => ({
		count: document.getElementById("count").textContent,
		title: document.querySelector("#says h3").textContent,
		text: document.querySelector("#says p").textContent,
		raw: document.querySelector("#says .raw").textContent,
		on: document.querySelector(".box.on h4").textContent,
		now: document.querySelectorAll("#list li.now").length,
		pins: +document.getElementById("pins").textContent,
		iotlb: document.getElementById("iotlb").textContent,
		reach: document.getElementById("reach").textContent,
		rows: [...document.querySelectorAll("#table tr")].slice(1).map((r) => r.textContent),
		addrs: Object.fromEntries([...document.querySelectorAll(".box .addr")].map((a) => [a.firstChild.textContent, a.lastChild.textContent])),
		sites: [...document.querySelectorAll(".src")].map((s) => ({
			what: s.querySelector("h2").textContent,
			at: s.querySelector(".name").textContent,
			line: s.querySelector("span.here") ? s.querySelector("span.here").textContent : null,
		})),
	}));
}

/* Whether the file really has that line there; a trace's own site has to call it. */
function wrong_site(site, step) {
	const [file, line] = site.at.split(":");
	const text = fs.readFileSync(file, "utf8").split("\n")[line - 1];
	const event = step.raw.split(":")[0];

	if (text !== site.line) return `${site.at} is "${text}", not "${site.line}"`;
	if (site.what === "Where it is recorded" && !text.includes(`trace_${event}(`)) return `${site.at} does not trace ${event}`;
	return null;
}

(async () => {
	const [file, picture] = process.argv.slice(2);
	const profile = fs.mkdtempSync(path.join(os.tmpdir(), "page-"));
	const context = await chromium.launchPersistentContext(profile, {
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		headless: true,
		viewport: { width: 1400, height: 1050 },
		colorScheme: "light",
		timeout: 120000,
		args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
	});
	const page = context.pages()[0] || (await context.newPage());
	const errors = [], requests = [];
	page.on("console", (m) => { if (m.type() === "error") errors.push(m.text()); });
	page.on("pageerror", (e) => errors.push(String(e)));
	page.on("request", (r) => { if (!r.url().startsWith("file:")) requests.push(r.url()); });
	page.setDefaultTimeout(60000);
	await page.goto("file://" + path.resolve(file));

	const seen = [await look(page)];
	const total = +seen[0].count.split(" ").pop();
	check("it opens at step 1 of many", seen[0].count === `step 1 of ${total}` && total >= 25, seen[0].count);
	for (let i = 2; i <= total; i++) {
		await page.click("#next");
		seen.push(await look(page));
	}
	check("the button leads through all steps", seen.every((s, i) => s.count === `step ${i + 1} of ${total}` && s.now === 1), "a step was left out");
	check("and then no further", await page.isDisabled("#next"), "next is not disabled");
	check("each step says what happens", seen.every((s) => s.title && s.on && s.raw), "a title is missing");

	const titles = seen.map((s) => s.title).join("; ");
	const story = ["The driver maps its buffer", "The guest asks: map", "The frame is pinned", "The IOMMU's table gets the entry", "The driver has a bus address",
		"The device is told", "The device writes the data", "The guest's interrupt: nvme", "The command is complete", "The driver unmaps the buffer",
		"The guest asks: unmap, and sync", "The entry is removed", "The IOTLB is told to forget", "It has forgotten", "The pin is dropped", "The buffer is the driver's again"];
	let at = 0;
	for (const title of story) at = at < 0 ? at : titles.indexOf(title, at);
	check("the whole story, in its order", at >= 0, titles);

	const wrong = seen.flatMap((s) => s.sites.map((site) => wrong_site(site, s))).filter(Boolean);
	check("each source line is the file's", wrong.length === 0 && seen.filter((s) => s.sites.length).length >= total - 1, wrong[0] || "a step has none");

	const told = seen.find((s) => s.title === "The device is told"), a = told.addrs;
	check("VA, GPA, IOVA and HPA are told, and differ", new Set([a.VA, a.GPA, a.IOVA, a.HPA]).size === 4 && Object.values(a).every((v) => /^0x[0-9a-f]+$/.test(v)), JSON.stringify(a));
	const wrote = seen.find((s) => s.title === "The device writes the data");
	check("the emulator saw the same addresses", wrote.raw.includes(a.HPA) && wrote.raw.includes(a.IOVA), wrote.raw);
	check("what the device reaches is pinned, at every step", seen.every((s) => s.reach !== "reaches the frame" || s.pins > 0), "not at one");
	check("pinned while it is mapped, and not before or after", seen[0].pins === 0 && told.pins === 1 && seen[total - 1].pins === 0, "");
	const after = (title) => seen.find((s) => s.title === title);
	check("a removed entry is remembered until the sync has ended", /may know/.test(after("The entry is removed").iotlb) && /told to forget/.test(after("The IOTLB is told to forget").iotlb) &&
		/has forgotten/.test(after("It has forgotten").iotlb) && after("It has forgotten").pins === 1, "");
	check("the table gets the entry, and loses it", told.rows.length === seen[0].rows.length + 1 && /removed/.test(seen[total - 1].rows.join()), told.rows.join("; "));

	await page.keyboard.press("Home");
	const home = (await look(page)).count;
	await page.keyboard.press("ArrowRight");
	await page.keyboard.press("ArrowRight");
	await page.keyboard.press("ArrowLeft");
	const second = (await look(page)).count;
	await page.keyboard.press("End");
	check("keys: Home, arrows, End", home === `step 1 of ${total}` && second === `step 2 of ${total}` && (await look(page)).count === `step ${total} of ${total}`, `${home}, ${second}`);
	await page.click("#list li:nth-of-type(5)");
	check("a step of the list can be chosen", (await look(page)).count === `step 5 of ${total}`, (await look(page)).count);
	await page.screenshot({ path: picture });
	const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	const light = await ground();
	await page.keyboard.press("t");
	check("light and dark", light !== (await ground()), light);
	await page.screenshot({ path: picture.replace(/\.png$/, "-dark.png") });
	check("nothing from the network, no error on the console", errors.length === 0 && requests.length === 0, errors.concat(requests).join("; "));
	await context.close();
	fs.rmSync(profile, { recursive: true, force: true });
	process.exit(bad ? 1 : 0);
})().catch((e) => {
	console.log("not ok the page can be driven: " + e.message.split("\n")[0]);
	process.exit(1);
});
