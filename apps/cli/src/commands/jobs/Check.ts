/** `farthing jobs check <file>`: whether the evidence of a sealed result holds, whoever shows it. */
import { SealedEvidence, Text } from "@farthing/protocol"
import { Effect, FileSystem, Schema } from "effect"
import { Argument, Command } from "effect/cli"
import * as EvidenceTelling from "../../EvidenceTelling.ts"
import { Output } from "../../Output.ts"
import { UsageError } from "../../UsageError.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("What `farthing jobs show <id> --evidence` wrote")
)

const read = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    fs.readFileString(file),
    (error) => new UsageError({ message: `${file} cannot be read (${error.reason._tag})` })
  )
  return yield* Effect.mapError(
    decode(text),
    () => new UsageError({ message: `${file} is no evidence of a sealed result` })
  )
})

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(SealedEvidence.SealedEvidence))

export const command = Command.make(
  "check",
  { file },
  Effect.fnUntraced(function* ({ file }) {
    const output = yield* Output
    const evidence = yield* read(file)
    const examination = SealedEvidence.examine(evidence)
    const sound = SealedEvidence.isSound(examination)
    if (output.json) yield* output.value({ ...examination, sound, text: examination.text ?? null })
    else {
      for (const line of EvidenceTelling.findings(examination)) yield* output.line(line)
      yield* output.line("")
      yield* output.line(
        examination.text === undefined
          ? "what was sealed cannot be shown"
          : Text.printableLines(examination.text)
      )
    }
    if (!sound) return yield* new EvidenceUnsound({ message: "this proves nothing" })
  })
).pipe(
  Command.withDescription(
    "Check what somebody shows of a sealed result: needs no home and no relay"
  )
)

/** A signature or a digest does not hold. */
export class EvidenceUnsound extends Schema.TaggedError<EvidenceUnsound>()("EvidenceUnsound", {
  message: Schema.String
}) {}
