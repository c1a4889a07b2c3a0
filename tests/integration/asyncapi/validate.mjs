// Reads AsyncAPI documents by name from standard input; prints, as JSON, what the parser has to say about each.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const verdicts = {};
for (const [name, text] of Object.entries(JSON.parse(readFileSync(0, 'utf8')))) {
  const { document, diagnostics } = await new Parser().parse(text);
  verdicts[name] = {
    channels: document?.channels().all().map((channel) => channel.address()) ?? [],
    messages: document?.allMessages().all().length ?? 0,
    errors: diagnostics.filter(({ severity }) => severity === 0).map(({ path, message }) => `${path.join('.')}: ${message}`),
  };
}
console.log(JSON.stringify(verdicts));
