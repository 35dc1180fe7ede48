// Chats of the AI SDK, as its packages for Svelte and React make them. Packages
// are taken from .tools.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const packages = new URL("../../../../.tools/node_modules/", import.meta.url);
const requireFrom = (path) => createRequire(new URL(path, packages));
const locate = (require, name) => pathToFileURL(require.resolve(name)).href;

// The class Chat of @ai-sdk/svelte. Its source has runes, which are compiled as
// for a browser.
export async function svelte(name) {
  const path = `${name}/dist/chat.svelte.js`;
  const require = requireFrom(path);
  const { compileModule } = require("svelte/compiler");
  const filename = fileURLToPath(new URL(path, packages));
  const { js } = compileModule(readFileSync(filename, "utf8"), { filename, generate: "client" });
  const absolute = js.code.replace(/\b(from|import) (["'])([^"']+)\2/g, (_, word, quote, found) => `${word} "${locate(require, found)}"`);
  const { Chat } = await import(`data:text/javascript,${encodeURIComponent(absolute)}`);
  const { DefaultChatTransport } = await import(locate(require, "ai"));
  return {
    version: versionOf(require),
    open({ resume, ...options }) {
      const chat = new Chat(transported(DefaultChatTransport, options));
      return { now: () => chat, pending: resume ? chat.resumeStream() : undefined };
    },
  };
}

// The hook useChat of @ai-sdk/react, mounted in a component.
export async function react() {
  const require = requireFrom("@ai-sdk/react/package.json");
  const { useChat } = await import(locate(require, "@ai-sdk/react"));
  const { DefaultChatTransport } = await import(locate(require, "ai"));
  const { createElement } = require("react");
  const { create } = require("react-test-renderer");
  return {
    version: versionOf(require),
    async open(options) {
      let chat;
      const init = transported(DefaultChatTransport, options);
      const mounted = new Promise((mounted) => {
        create(createElement(() => {
          chat = useChat(init);
          mounted();
          return null;
        }));
      });
      await mounted;
      return { now: () => chat };
    },
  };
}

// The package says its version nowhere that may be imported in all majors.
function versionOf(require) {
  const [folder] = require.resolve("ai").split(/(?<=[\\/]node_modules[\\/]ai)[\\/]/);
  return JSON.parse(readFileSync(`${folder}/package.json`, "utf8")).version;
}

function transported(DefaultChatTransport, { api, headers, browser, ...init }) {
  return { ...init, transport: new DefaultChatTransport({ api, headers, fetch: browser ? fetchOfABrowser : undefined }) };
}

// Tells of a connection that broke off in the words of a browser, by which the SDK
// knows it: Node has others.
async function fetchOfABrowser(input, init) {
  const response = await fetch(input, init);
  const reader = response.body?.getReader();
  if (!reader) return response;
  const body = new ReadableStream({
    pull: (controller) =>
      reader.read().then(
        ({ done, value }) => (done ? controller.close() : controller.enqueue(value)),
        (error) => controller.error(error.name === "AbortError" ? error : new TypeError("network error")),
      ),
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: response.status, headers: response.headers });
}
