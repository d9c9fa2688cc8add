/* SPDX-License-Identifier: MIT */
/* `long double _Complex` multiplied and divided. C wants the two parts in st(0) and st(1) (psABI, class
 * COMPLEX_X87); zig's compiler-rt returns them in memory that nobody gave it. Infinities as C11, annex G.5.1,
 * has them. */
typedef long double real;
typedef _Complex long double number;

#define COMPLEX(re, im) __builtin_complex((real)(re), (real)(im))
#define FINITE(x) __builtin_isfinite(x)
#define INFINITE(x) __builtin_isinf(x)
#define NAN(x) __builtin_isnan(x)

static real sign_of(real value, real sign) {
    return __builtin_signbit(sign) ? -value : value;
}

static real boxed(real part) {
    return sign_of(INFINITE(part) ? 1 : 0, part);
}

static real without_nan(real part) {
    return NAN(part) ? sign_of(0, part) : part;
}

number __mulxc3(real a, real b, real c, real d) {
    real ac = a * c, bd = b * d, ad = a * d, bc = b * c;
    real re = ac - bd, im = ad + bc;
    if (!NAN(re) || !NAN(im))
        return COMPLEX(re, im);
    int first = INFINITE(a) || INFINITE(b), second = INFINITE(c) || INFINITE(d);
    if (!first && !second && !INFINITE(ac) && !INFINITE(bd) && !INFINITE(ad) && !INFINITE(bc))
        return COMPLEX(re, im);
    real p = first ? boxed(a) : a, q = first ? boxed(b) : b, r = second ? boxed(c) : c,
         s = second ? boxed(d) : d;
    p = without_nan(p), q = without_nan(q), r = without_nan(r), s = without_nan(s);
    return COMPLEX(__builtin_infl() * (p * r - q * s), __builtin_infl() * (p * s + q * r));
}

/* The exponent of the larger part of a divisor; 0 where it has none. */
static int exponent(real c, real d) {
    real larger = __builtin_fabsl(c) > __builtin_fabsl(d) ? __builtin_fabsl(c) : __builtin_fabsl(d);
    int power = 0;
    if (FINITE(larger) && larger != 0)
        __builtin_frexpl(larger, &power);
    return power;
}

static number special_quotient(real a, real b, real c, real d, real square, number plain) {
    if (square == 0 && (!NAN(a) || !NAN(b)))
        return COMPLEX(sign_of(__builtin_infl(), c) * a, sign_of(__builtin_infl(), c) * b);
    if ((INFINITE(a) || INFINITE(b)) && FINITE(c) && FINITE(d)) {
        a = boxed(a), b = boxed(b);
        return COMPLEX(__builtin_infl() * (a * c + b * d), __builtin_infl() * (b * c - a * d));
    }
    if ((INFINITE(c) || INFINITE(d)) && FINITE(a) && FINITE(b)) {
        c = boxed(c), d = boxed(d);
        return COMPLEX(0 * (a * c + b * d), 0 * (b * c - a * d));
    }
    return plain;
}

/* The divisor is scaled to about 1, so that its square neither overflows nor vanishes. */
number __divxc3(real a, real b, real c, real d) {
    int power = exponent(c, d);
    real u = __builtin_ldexpl(c, -power), v = __builtin_ldexpl(d, -power), square = u * u + v * v;
    real re = __builtin_ldexpl((a * u + b * v) / square, -power);
    real im = __builtin_ldexpl((b * u - a * v) / square, -power);
    if (NAN(re) && NAN(im))
        return special_quotient(a, b, u, v, square, COMPLEX(re, im));
    return COMPLEX(re, im);
}
