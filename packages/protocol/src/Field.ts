/** The kinds of fields of which messages are made. */
import { Option, Schema, SchemaGetter } from "effect"

/** A whole number that is never negative: unix seconds, tokens, positions. */
export const Count = Schema.Int.check(
  Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
)

/** A short word that names something: a job, a model, a code. */
export const Name = Schema.String.check(Schema.isMaxLength(256))

/**
 * A field that may be missing. Many programs write `null` for what is missing; that is read,
 * and never written.
 */
export const optional = <S extends Schema.Constraint>(schema: S) =>
  Schema.optionalKey(Schema.NullOr(schema)).pipe(
    Schema.decodeTo(Schema.optionalKey(Schema.toType(schema)), {
      decode: SchemaGetter.transformOptional(
        Option.filter((value: S["Type"] | null): value is S["Type"] => value !== null)
      ),
      encode: SchemaGetter.passthroughSubtype<S["Type"] | null, S["Type"]>()
    })
  )
