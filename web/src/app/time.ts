// Times in the viewer's zone, with UTC at hand.

export type TimeStyle = "full" | "log" | "date";

const STYLES: Record<TimeStyle, Intl.DateTimeFormatOptions> = {
  full: { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
  log: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  date: { year: "numeric", month: "short", day: "numeric" },
};

/** `22 Nov 2026, 15:04` in the zone given, or in the viewer's. */
export function localTime(time: string, style: TimeStyle = "full", zone?: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  return new Intl.DateTimeFormat("en-GB", { ...STYLES[style], timeZone: zone }).format(date);
}

/** `2026-11-22 15:04:05 UTC`. */
export function utcTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `3 min ago`, `in 2 h`; nothing finer than a minute. */
export function relativeTime(time: string, now: number): string {
  const seconds = (new Date(time).getTime() - now) / 1000;
  if (Number.isNaN(seconds)) return time;
  const size = Math.abs(seconds);
  if (size < 60) return seconds > 0 ? "in less than a minute" : "just now";
  const [count, unit] =
    size < 3600 ? [size / 60, "min"] : size < 48 * 3600 ? [size / 3600, "h"] : [size / 86400, "days"];
  const words = `${Math.round(count)} ${unit}`;
  return seconds > 0 ? `in ${words}` : `${words} ago`;
}

/** How long something took: `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(from: string, to: string | number): string {
  const end = typeof to === "number" ? to : new Date(to).getTime();
  const seconds = Math.max(0, Math.round((end - new Date(from).getTime()) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** A moment as a window writes it: without a zone, to the minute. */
export function windowTime(now: Date, zone: "local" | "utc"): string {
  const shifted = zone === "utc" ? now : new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

/** What an input of type datetime-local gives, as the API wants it. */
export function withSeconds(text: string): string {
  return /T\d\d:\d\d$/.test(text) ? `${text}:00` : text;
}

/** `1 error`, `2 errors`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function count(number: number): string {
  return new Intl.NumberFormat("en-GB").format(number);
}
