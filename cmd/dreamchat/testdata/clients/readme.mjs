import { readFileSync } from "node:fs";
import { proof } from "./transcript.mjs";

const readme = readFileSync(new URL("../../../../README.md", import.meta.url), "utf8");
const [, source] = readme.match(/^```js\n(.*?)^```$/ms);
const { follow } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

// Follows one answer as README.md tells authors of clients to.
export async function followAsTold({ name, url }) {
  const { text, reasoning, length, sha256 } = await follow(url, "", () => {}); // the URL has a ticket
  return { name, text: await proof(text), reasoning: await proof(reasoning), complete: { length, sha256 } };
}
