// What is wrong with the HTML of an email that comes on stdin, as JSON: {"unsupported": [...], "invalid": [...]}.
import { readFileSync } from "node:fs";
import { caniemail } from "caniemail";
import { HtmlValidate } from "html-validate";

const CLIENTS = ["gmail.*", "outlook.*", "apple-mail.*", "yahoo.*", "samsung-email.*", "thunderbird.*"];
// Emails carry their style in each element and their widths in attributes: clients drop style sheets.
const ALLOWED = { "no-inline-style": "off", "no-deprecated-attr": "off" };

const html = readFileSync(0, "utf8");
const { issues } = caniemail({ clients: CLIENTS, html });
const unsupported = [];
for (const [client, found] of issues.errors) for (const issue of found) unsupported.push(`${client}: ${issue.title}`);
const report = await new HtmlValidate({ extends: ["html-validate:recommended"], rules: ALLOWED }).validateString(html);
const invalid = report.results.flatMap((result) =>
  result.messages.map((message) => `line ${message.line}: ${message.message} (${message.ruleId})`));
console.log(JSON.stringify({ unsupported, invalid }));
