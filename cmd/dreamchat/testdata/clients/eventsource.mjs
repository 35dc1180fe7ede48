import { Transcript } from "./transcript.mjs";

// Follows one answer with an EventSource, which comes again by itself. It ends
// when the terminal event has come and the client closes, or else when the
// server tells the EventSource to stop.
export function listen(EventSource, stream) {
  return follow(EventSource, stream, false);
}

// Follows one answer with a new EventSource for each connection. Version 2 of
// the package needs that: an event that was cut off leaves its id and data
// behind, and the next connection would go on after what never came.
export function listenAnew(EventSource, stream) {
  return follow(EventSource, stream, true);
}

function follow(EventSource, { name, url, closes }, anew) {
  const transcript = new Transcript();
  return new Promise((resolve) => {
    let current;
    const end = () => {
      current.close();
      resolve(transcript.reading(name));
    };
    const open = (address) => {
      const source = (current = new EventSource(address));
      for (const event of Transcript.events) {
        source.addEventListener(event, ({ lastEventId, data }) => {
          transcript.apply(event, lastEventId, data);
          if (transcript.faults.length > 0 || (closes && transcript.complete)) end();
        });
      }
      // Version 2 of the package tells of an error before it stops.
      source.onerror = () => setTimeout(() => {
        const stopped = source.readyState === 2; // CLOSED
        if (source !== current || !(stopped || anew)) return;
        if (stopped && transcript.complete) return end();
        source.close();
        transcript.reopened++;
        open(`${url}&after=${transcript.lastId}`);
      });
    };
    open(url);
  });
}
