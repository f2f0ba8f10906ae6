import { describe, expect, it } from "vitest";
import { counted, duration, localTime, relativeTime, utcTime, windowTime, withSeconds } from "./time";

const AT = "2026-11-22T23:30:05Z";

describe("times", () => {
  it("are shown in the viewer's zone, with UTC at hand", () => {
    expect(localTime(AT, "full", "Europe/Zurich")).toBe("23 Nov 2026, 00:30");
    expect(localTime(AT, "full", "America/New_York")).toBe("22 Nov 2026, 18:30");
    expect(localTime(AT, "date", "Asia/Tokyo")).toBe("23 Nov 2026");
    expect(utcTime("2026-11-23T00:30:05+01:00")).toBe("2026-11-22 23:30:05 UTC");
  });

  it("that cannot be read are shown as they came", () => {
    expect(localTime("soon")).toBe("soon");
    expect(utcTime("soon")).toBe("soon");
    expect(relativeTime("soon", 0)).toBe("soon");
  });

  it("are told relatively, no finer than a minute", () => {
    const now = Date.parse(AT);
    const at = (seconds: number) => relativeTime(new Date(now + seconds * 1000).toISOString(), now);
    expect([at(-5), at(20), at(-180), at(7200), at(-3 * 86400)]).toEqual([
      "just now",
      "in less than a minute",
      "3 min ago",
      "in 2 h",
      "3 days ago",
    ]);
  });

  it("have durations that are never negative", () => {
    expect(duration(AT, "2026-11-22T23:30:47Z")).toBe("42 s");
    expect(duration(AT, "2026-11-22T23:33:10Z")).toBe("3 min 5 s");
    expect(duration(AT, "2026-11-23T01:40:05Z")).toBe("2 h 10 min");
    expect(duration(AT, "2026-11-22T23:00:00Z")).toBe("0 s");
  });
});

describe("windows", () => {
  it("are written without a zone, by UTC or by the viewer's clock", () => {
    const now = new Date(AT);
    expect(windowTime(now, "utc")).toBe("2026-11-22T23:30");
    const local = new Date(`${windowTime(now, "local")}:05`);
    expect(local.getTime()).toBe(now.getTime());
  });

  it("get the seconds that the API wants, once", () => {
    expect(withSeconds("2026-11-22T23:30")).toBe("2026-11-22T23:30:00");
    expect(withSeconds("2026-11-22T23:30:15")).toBe("2026-11-22T23:30:15");
  });
});

describe("counts", () => {
  it("agree with their noun", () => {
    expect([counted(0, "error"), counted(1, "error"), counted(1200, "error")]).toEqual([
      "0 errors",
      "1 error",
      "1,200 errors",
    ]);
  });
});
