// Proves that the end-to-end tests can fail: plays the walk against the made-up server once for each
// fault of e2e/mock/faults.mjs and demands that it fails, saying why. `node e2e/faults.mjs [NAME…]`.
import { spawnSync } from "node:child_process";
import { FAULTS } from "./mock/faults.mjs";

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(FAULTS);
let blind = 0;
for (const name of names) {
  const fault = FAULTS[name];
  if (!fault) throw new Error(`there is no fault ${name}; there are ${Object.keys(FAULTS).join(", ")}`);
  const walk = spawnSync("node", ["e2e/console.mjs", "--mock", "--fault", name], {
    cwd: new URL("..", import.meta.url),
    encoding: "utf8",
    env: { ...process.env, GODWIT_SHOTS: "/tmp/godwit-faults" },
  });
  const line = walk.stderr.split("\n").find((one) => one.includes(fault.says));
  const caught = walk.status === 1 && line !== undefined;
  if (!caught) blind += 1;
  console.log(`${caught ? "caught" : "NOT CAUGHT"} ${name}: ${line ?? (walk.stderr || "the walk passed")}`);
}
process.exit(blind === 0 ? 0 : 1);
