const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const DAY_MS = 86_400_000;

/** Milliseconds since 1970 of a UTCTime or GeneralizedTime in the one form that certificates may have: to the second, in Zulu.
 * @returns `undefined` for other forms and for dates that do not exist. @see RFC 5280 §4.1.2.5.1, §4.1.2.5.2
 */
export function readX509Time(value: {
  readonly tag: number;
  readonly contents: Uint8Array;
}): number | undefined {
  const text = String.fromCharCode(...value.contents.subarray(0, 16));
  const isShort = value.tag === UTC_TIME;
  if (!isShort && value.tag !== GENERALIZED_TIME) return undefined;
  const match = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null || match[1]?.length !== (isShort ? 2 : 4)) return undefined;
  const [short = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number);
  // RFC 5280 §4.1.2.5.1: two digits from 50 on are of the last century.
  const year = isShort ? short + (short < 50 ? 2000 : 1900) : short;
  const isTime = hour < 24 && minute < 60 && second < 60;
  if (!isTime || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    return undefined;
  }
  return daysSince1970(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000;
}

/** Whether a DER value is a time at all. */
export function isTimeTag(tag: number): boolean {
  return tag === UTC_TIME || tag === GENERALIZED_TIME;
}

const MONTH_DAYS: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysInMonth(year: number, month: number): number {
  return month === 2 && isLeap(year) ? 29 : (MONTH_DAYS[month - 1] ?? 0);
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function daysSince1970(year: number, month: number, day: number): number {
  const before = year - 1;
  const leaps = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 477;
  let days = (year - 1970) * 365 + leaps + day - 1;
  for (let m = 1; m < month; m += 1) days += daysInMonth(year, m);
  return days;
}
