// What can be seen in a list of devices before it is sent. The server decides; this only spares
// people the round trip for files that are plainly something else.
import type { CsvImport, CsvLineError } from "../../api/types";

const HEADERS = ["computer", "computername", "computer_name", "name", "device", "serial"];
const LONGEST = 16 * 1024 * 1024;

/** Splits one line at the delimiter, honouring quotes; null when a quote is left open. */
export function cells(line: string, delimiter: string): string[] | null {
  const out: string[] = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const sign = line[at];
    if (quoted) {
      if (sign === '"' && line[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else if (sign === '"') quoted = false;
      else cell += sign;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === delimiter) {
      out.push(cell);
      cell = "";
    } else cell += sign;
  }
  if (quoted) return null;
  out.push(cell);
  return out;
}

/** Mistakes that need no server to be seen, by line. */
export function precheck(text: string): CsvLineError[] {
  if (new Blob([text]).size > LONGEST) {
    return [fault(1, "", "too_large", "the file is larger than 16 MiB; split it")];
  }
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  const first = lines[0] ?? "";
  const delimiter = first.includes(";") && !first.includes(",") ? ";" : ",";
  const errors: CsvLineError[] = [];
  const seen = new Map<string, number>();
  let column = 0;
  let begun = false;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const number = index + 1;
    const parts = cells(line, delimiter);
    if (!parts) {
      errors.push(fault(number, line, "open_quote", "a quotation mark is opened and not closed"));
      continue;
    }
    if (!begun) {
      begun = true;
      const heads = parts.map((part) => part.trim().toLowerCase());
      const found = HEADERS.map((name) => heads.indexOf(name)).find((place) => place >= 0);
      if (found !== undefined) {
        column = found;
        continue;
      }
    }
    const value = (parts[column] ?? "").trim();
    const key = value.replace(/\$$/, "").toLowerCase();
    if (key === "") continue;
    const before = seen.get(key);
    if (before !== undefined) {
      errors.push(fault(number, value, "twice", `it is on line ${before} already`));
    } else seen.set(key, number);
  }
  if (seen.size === 0 && errors.length === 0) {
    errors.push(fault(1, "", "no_device", "no line names a device"));
  }
  return errors;
}

export function isCsvImport(body: unknown): body is CsvImport {
  return typeof body === "object" && body !== null && "lines" in body && "errors" in body;
}

function fault(line: number, value: string, code: string, message: string): CsvLineError {
  return { line, value: value.slice(0, 80), code, message };
}
