// Expands a seeded corpus of series with ical.js and the zones of this JavaScript engine, and writes what comes out, for
// `go test ./mapping` to compare. Run it by `make interop`; the file it writes is committed.
import { writeFileSync } from 'node:fs'
import ICAL from 'ical.js'

const zones = ['America/New_York', 'Europe/Zurich', 'Australia/Sydney', 'Australia/Lord_Howe', 'America/Santiago', 'Africa/Casablanca', 'Asia/Kathmandu', 'UTC']
const clocks = ['10:00:00', '02:30:00', '01:30:00', '00:00:00', '23:45:00', '02:00:00', '09:15:30']
const days = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU']

// A small generator of its own, so that the corpus stays the same on every machine.
let state = 20260601
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}
const upTo = (n) => Math.floor(random() * n)
const pick = (list) => list[upTo(list.length)]
const chance = (p) => random() < p
const some = (list, most) => [...new Set(Array.from({ length: 1 + upTo(most) }, () => pick(list)))]
const pad = (n, w = 2) => String(n).padStart(w, '0')

function rule (allDay) {
  const freq = pick(['DAILY', 'WEEKLY', 'WEEKLY', 'MONTHLY', 'MONTHLY', 'YEARLY'])
  const parts = [`FREQ=${freq}`]
  if (chance(0.4)) parts.push(`INTERVAL=${1 + upTo(4)}`)
  if (freq === 'WEEKLY') {
    if (chance(0.7)) parts.push(`BYDAY=${some(days, 4).join(',')}`)
    if (chance(0.3)) parts.push(`WKST=${pick(['SU', 'MO', 'WE'])}`)
  } else if (freq === 'DAILY') {
    if (chance(0.3)) parts.push(`BYDAY=${some(days, 4).join(',')}`)
    if (chance(0.2)) parts.push(`BYMONTH=${some([1, 2, 3, 6, 10, 12], 3).join(',')}`)
  } else if (freq === 'MONTHLY') {
    const kind = upTo(4)
    if (kind === 0) parts.push(`BYDAY=${some(['1MO', '2TU', '-1FR', '3WE', '-2SU', '5TH'], 2).join(',')}`)
    if (kind === 1) parts.push(`BYMONTHDAY=${some([1, 13, 15, 28, 29, 30, 31, -1, -2], 3).join(',')}`)
    if (kind === 2) parts.push(`BYDAY=${some(days, 5).join(',')}`, `BYSETPOS=${pick(['1', '-1', '2', '1,-1'])}`)
  } else {
    const kind = upTo(4)
    if (kind === 0) parts.push(`BYMONTH=${some([1, 2, 3, 11, 12], 2).join(',')}`, `BYMONTHDAY=${some([1, 15, 28, 29, 30, -1], 2).join(',')}`)
    if (kind === 1) parts.push(`BYMONTH=${some([3, 4, 10, 11], 2).join(',')}`, `BYDAY=${some(['1SU', '2SU', '-1SU', '-1TH'], 2).join(',')}`)
    if (kind === 2) parts.push(`BYYEARDAY=${some([1, 60, 100, 200, 366, -1], 3).join(',')}`)
  }
  if (!allDay && freq === 'DAILY' && chance(0.15)) parts.push('BYHOUR=8,14')
  const end = upTo(5)
  if (end < 2) parts.push(`COUNT=${1 + upTo(60)}`)
  if (end === 2) parts.push(`UNTIL=${2025 + upTo(3)}${pad(1 + upTo(12))}${pad(1 + upTo(28))}`)
  if (end === 3 && !allDay && chance(0.5)) parts.push(`UNTIL=${2025 + upTo(3)}${pad(1 + upTo(12))}${pad(1 + upTo(28))}T${pick(clocks).replaceAll(':', '')}Z`)
  return parts.join(';')
}

// offset is how far clocks in a zone are from UTC at an instant, in milliseconds.
const formats = new Map()
function offset (zone, at) {
  if (!formats.has(zone)) {
    formats.set(zone, new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric'
    }))
  }
  const shown = Object.fromEntries(formats.get(zone).formatToParts(at).map((p) => [p.type, Number(p.value)]))
  return Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute, shown.second) - at
}

// instant is when clocks in a zone show a time: the first of two such times, and one that is left out by the offset from before
// (RFC 5545, section 3.3.5).
function instant (wall, zone) {
  const before = wall - offset(zone, wall - 24 * 3600e3)
  const after = wall - offset(zone, wall + 24 * 3600e3)
  const good = [before, after].filter((at) => at + offset(zone, at) === wall)
  return good.length > 0 ? Math.min(...good) : before
}

const wallOf = (t) => Date.UTC(t.year, t.month - 1, t.day, t.hour, t.minute, t.second)
const iso = (ms) => new Date(ms).toISOString().replace('.000', '')
const compact = (ms) => iso(ms).replaceAll(/[-:]/g, '')

// begun lets a series begin with a day that its rule names: RFC 5545 leaves undefined what becomes of another.
function begun (c) {
  const recur = ICAL.Recur.fromString(c.rule.replace(/;(UNTIL|COUNT)=[^;]*/, ''))
  const iterator = recur.iterator(ICAL.Time.fromString(c.start))
  iterator.next()
  const second = iterator.next()
  return second ? { ...c, start: second.toString() } : c
}

function expand (c) {
  const utcEnd = /;UNTIL=(\d{8}T\d{6}Z)/.exec(c.rule)
  const text = utcEnd ? c.rule.replace(utcEnd[0], '') : c.rule
  const last = utcEnd ? Date.parse(utcEnd[1].replace(/(....)(..)(..T..)(..)(..)/, '$1-$2-$3:$4:$5')) : Infinity
  const recur = ICAL.Recur.fromString(text)
  if (recur.until && recur.until.isDate && !c.all_day) { // the whole of that day
    recur.until = new ICAL.Time({ year: recur.until.year, month: recur.until.month, day: recur.until.day, hour: 23, minute: 59, second: 59 })
  }
  const iterator = recur.iterator(ICAL.Time.fromString(c.start))
  const until = Date.parse(c.until)
  const want = []
  for (let n = 0; n < 20000; n++) {
    const next = iterator.next()
    if (!next) break
    const wall = wallOf(next)
    const at = c.all_day ? wall : instant(wall, c.zone)
    if (at > last || wall - 48 * 3600e3 > until) break
    const name = c.all_day ? compact(wall).slice(0, 8) : compact(at)
    if (!want.includes(name)) want.push(name)
  }
  return want
}

const cases = []
for (let n = 0; cases.length < 600; n++) {
  const allDay = chance(0.2)
  const date = `${2024 + upTo(3)}-${pad(1 + upTo(12))}-${pad(1 + upTo(28))}`
  const c = begun({
    name: `case ${pad(n, 3)}`,
    zone: allDay ? '' : pick(zones),
    all_day: allDay,
    start: allDay ? date : `${date}T${pick(clocks)}`,
    rule: rule(allDay),
    until: '2027-06-01T00:00:00Z'
  })
  cases.push({ ...c, want: expand(c).join(' ') })
}
writeFileSync(new URL('../testdata/interop.json', import.meta.url), '[\n' + cases.map((c) => JSON.stringify(c)).join(',\n') + '\n]\n')
