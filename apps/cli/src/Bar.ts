/** How much of something is used, as a person sees it at a glance: `████░░░░`. */

/** Of a share from 0 to 1; whoever used anything sees it, and only what is full looks full. */
export const draw = (share: number, width: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width)
  const shown = share <= 0 ? 0 : share >= 1 ? width : Math.min(width - 1, Math.max(1, full))
  return "█".repeat(shown) + "░".repeat(width - shown)
}
