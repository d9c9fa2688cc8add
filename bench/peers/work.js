// SPDX-License-Identifier: MIT
// As work.c, for Node.
"use strict";
const ROUNDS = 7;

function fibonacci(n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

function sumToN(n) {
  let sum = 0;
  for (let i = 1; i <= n; i++) sum += i;
  return sum;
}

function multiply(a, b) {
  return a * b;
}

function products(n) {
  let last = 0;
  for (let i = 0; i < n; i++) last += multiply(i, 3);
  return last;
}

const left = new Float64Array(64 * 64).map((_, i) => i % 7);
const right = new Float64Array(64 * 64).map((_, i) => i % 5);
const product = new Float64Array(64 * 64);

function matrixMultiply(n) {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += left[i * n + k] * right[k * n + j];
      product[i * n + j] = sum;
    }
  }
  return product[n * n - 1];
}

const work = [
  ["fibonacci", fibonacci, 27],
  ["sum_to_n", sumToN, 3000000],
  ["multiply", products, 3000000],
  ["matrix_multiply", matrixMultiply, 64],
];
for (const [name, run, size] of work) {
  let best = Infinity;
  let result = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const from = process.hrtime.bigint();
    result = run(size);
    best = Math.min(best, Number(process.hrtime.bigint() - from));
  }
  console.error(`${name} ${best}`);
  console.log(`${name} ${result}`);
}
