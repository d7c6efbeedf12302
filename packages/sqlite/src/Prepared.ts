/**
 * Statements whose text is made once, and run with other values each time. What a template of
 * effect's `sql` costs to put together is more than SQLite needs to run it.
 *
 * ```ts
 * const nameOf = Prepared.make(sql)((by: Prepared.Slots<{ readonly id: number }>) =>
 *   sql<{ readonly name: string }>`SELECT name FROM item WHERE id = ${by.id}`
 * )
 * const rows = nameOf({ id: 7 })
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import type * as SqlClient from "effect/sql/SqlClient"
import type * as SqlError from "effect/sql/SqlError"
import type * as Statement from "effect/sql/Statement"

/** Where a value will stand. */
export class Slot<Value> {
  declare readonly Value: Value
  readonly name: PropertyKey
  constructor(name: PropertyKey) {
    this.name = name
  }
}

export type Slots<Values> = { readonly [Name in keyof Values]-?: Slot<Values[Name]> }

/** A value that is undefined is NULL. */
export type Prepared<Values, Row> = (
  values: Values
) => Effect.Effect<ReadonlyArray<Row>, SqlError.SqlError>

/**
 * The template is asked once, with a slot for each value that it takes; it must not depend on
 * anything else that changes.
 */
export const make =
  (sql: SqlClient.SqlClient) =>
  <Values extends object, Row extends object>(
    template: (values: Slots<Values>) => Statement.Statement<Row>
  ): Prepared<Values, Row> => {
    const [text, given] = template(slots<Values>()).compile()
    return (values) => {
      const params = given.map((value) =>
        value instanceof Slot ? (values[value.name as keyof Values] ?? null) : value
      )
      return Effect.withFiber((fiber) => {
        const transaction = Context.getOrUndefined(fiber.context, sql.transactionService)
        // The span of the transaction speaks for what is done in it.
        return transaction === undefined || fiber.getRef(References.TracerEnabled)
          ? sql.unsafe<Row>(text, params)
          : transaction[0].execute(text, params, undefined)
      })
    }
  }

/** The slots of columns that have the names of their values. */
export const pick = <Name extends string>(
  slots: { readonly [Key in Name]: unknown },
  names: ReadonlyArray<Name>
): Record<string, unknown> => Object.fromEntries(names.map((name) => [name, slots[name]]))

const slots = <Values extends object>(): Slots<Values> =>
  new Proxy({} as Slots<Values>, { get: (_, name) => new Slot(name) })
