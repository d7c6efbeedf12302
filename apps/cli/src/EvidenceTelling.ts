/** How the evidence of a sealed result is told. */
import { type SealedEvidence, Text } from "@farthing/protocol"

/** A line for each thing that was looked at. */
export const findings = (examination: SealedEvidence.Examination): ReadonlyArray<string> =>
  examination.findings.map(
    ({ about, holds, note }) => `${holds ? "✓" : "✗"} ${about.padEnd(10)}  ${Text.printable(note)}`
  )
