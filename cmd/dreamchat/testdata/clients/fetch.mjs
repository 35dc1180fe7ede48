import { Transcript } from "./transcript.mjs";

// Sends one question with fetch, and sends it again with the same key and the
// id of the last event until it has the whole answer.
export async function send({ name, url, headers, body }) {
  const transcript = new Transcript();
  while (!transcript.complete && transcript.faults.length === 0) {
    try {
      const again = transcript.lastId && { "Last-Event-ID": transcript.lastId };
      const response = await fetch(url, { method: "POST", headers: { ...headers, ...again }, body });
      if (response.status !== 200) transcript.fault(`status ${response.status} after "${transcript.lastId}"`);
      await read(response.body, transcript);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // fetch fails with one when it is cut off
    }
  }
  return transcript.reading(name);
}

async function read(body, transcript) {
  let buffer = "";
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    buffer += part;
    for (let end; (end = buffer.indexOf("\n\n")) >= 0; buffer = buffer.slice(end + 2)) {
      const lines = buffer.slice(0, end).split("\n");
      const field = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      transcript.apply(field("event"), field("id") ?? transcript.lastId, field("data"));
    }
  }
}
