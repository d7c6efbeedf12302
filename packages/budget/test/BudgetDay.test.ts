import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as BudgetDay from "../src/BudgetDay.ts"

const zone = (name: string) => Option.getOrThrow(BudgetDay.zone(name))
const at = (iso: string, name: string) => BudgetDay.of(Date.parse(iso), zone(name))
const day = (text: string) => BudgetDay.BudgetDay.make(text)

describe("BudgetDay", () => {
  it("is the calendar day of the time zone", () => {
    assert.strictEqual(at("2026-07-01T23:30:00Z", "UTC"), "2026-07-01")
    assert.strictEqual(at("2026-07-01T23:30:00Z", "Europe/Berlin"), "2026-07-02")
    assert.strictEqual(at("2026-07-02T03:30:00Z", "America/New_York"), "2026-07-01")
  })

  it("ends when the next one begins, over changes of daylight saving too", () => {
    assert.strictEqual(BudgetDay.endOf(day("2026-07-01"), zone("UTC")), "2026-07-02T00:00:00.000Z")
    // 23 and 25 hours long in Berlin.
    assert.strictEqual(
      BudgetDay.endOf(day("2026-03-29"), zone("Europe/Berlin")),
      "2026-03-29T22:00:00.000Z"
    )
    assert.strictEqual(
      BudgetDay.endOf(day("2026-10-25"), zone("Europe/Berlin")),
      "2026-10-25T23:00:00.000Z"
    )
    // In Havana clocks go from 23:59:59 to 01:00:00: the day has no midnight.
    assert.strictEqual(
      BudgetDay.endOf(day("2026-03-07"), zone("America/Havana")),
      "2026-03-08T05:00:00.000Z"
    )
  })

  it("never moves backwards", () => {
    assert.strictEqual(BudgetDay.later(day("2026-07-02"), day("2026-07-01")), "2026-07-02")
    assert.strictEqual(BudgetDay.later(day("2026-12-31"), day("2027-01-01")), "2027-01-01")
  })

  it("knows no zone of a wrong name", () => {
    assert.isTrue(Option.isNone(BudgetDay.zone("Middle/Earth")))
  })
})
