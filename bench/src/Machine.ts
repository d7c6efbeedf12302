/** What the numbers were measured on. */
import { availableParallelism, cpus, totalmem } from "node:os"

export const describe = (): string => {
  const gibibytes = Math.round(totalmem() / 2 ** 30)
  const model = cpus()[0]?.model ?? process.arch
  return `${availableParallelism()} cores, ${model}, ${gibibytes} GiB, ${process.platform}, Node ${process.version}`
}
