// Whether a number is a multiple of another, as they are written: 19.99 is one of 0.01, though not in binary fractions.

/** @param divisor more than 0 */
export function isMultipleOf(value: number, divisor: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) return value % divisor === 0
  if (!Number.isFinite(value) || !Number.isFinite(divisor)) return false
  const left = readDecimal(value)
  const right = readDecimal(divisor)
  const exponent = Math.min(left.exponent, right.exponent)
  const scaled = (one: Decimal): bigint => one.digits * 10n ** BigInt(one.exponent - exponent)
  return scaled(left) % scaled(right) === 0n
}

/** `digits` times 10 to the power of `exponent`. */
interface Decimal {
  digits: bigint
  exponent: number
}

function readDecimal(value: number): Decimal {
  const [mantissa = '', power = '0'] = String(value).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return { digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length }
}
