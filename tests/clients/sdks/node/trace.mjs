// Writes where positions of a generated file are from, by @jridgewell/trace-mapping. Reads JSON from
// stdin: the path of a source map, and positions as [line, column], from 0.
import { readFileSync } from "node:fs";
import { TraceMap, traceSegment } from "@jridgewell/trace-mapping";

const { map, positions } = JSON.parse(readFileSync(0, "utf8"));
const trace = new TraceMap(readFileSync(map, "utf8"));
const found = positions.map(([line, column]) => {
  const segment = traceSegment(trace, line, column);
  if (segment === null || segment.length === 1) return null;
  return [...segment.slice(1, 4), segment.length === 5 ? trace.names[segment[4]] : ""];
});
process.stdout.write(JSON.stringify(found));
