// Every answer of the made-up server: method, path, and what it says.

import { ROUTES as devices } from "./answers-devices.mjs";
import { ROUTES as directories } from "./answers-directories.mjs";
import { ROUTES as server } from "./answers-server.mjs";
import { ROUTES as work } from "./answers-work.mjs";

export { Refusal } from "./base.mjs";
export const ROUTES = [...server, ...directories, ...work, ...devices];
