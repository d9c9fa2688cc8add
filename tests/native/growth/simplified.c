/* SPDX-License-Identifier: MIT */
/* Calls and loops of which LLVM makes other calls; compiled only, by test_library_calls.py. */
/* clang-format off */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>
#include <ctype.h>
#include <complex.h>
int p1(char*s){ return printf("%s\n",s);} int p2(int c){ return printf("%c",c);} int p3(void){printf("hello\n");printf("x");printf("plain");return 0;}
int p4(FILE*f,char*s,int c){fprintf(f,"%s",s);fprintf(f,"%c",c);fprintf(f,"text");fputs("a",f);fputs("abc",f);return 0;}
void p4b(FILE*f,char*s){fwrite(s,1,1,f);fprintf(f,"%s\n","x");}
int s1(char*d,char*s){return sprintf(d,"%s",s);} int s2(char*d,int c){return sprintf(d,"%c",c);} int s3(char*d){return sprintf(d,"abc");} void s3b(char*d,char*s){sprintf(d,"%s",s);}
int s4(char*d,char*s){return snprintf(d,5,"%s","abc")+snprintf(d,2,"abcdef");}
char* t1(char*a,char*b){return strstr(a,"x");} int t2(char*a,char*b){return strstr(a,b)==a;} char*t3(char*a){return strpbrk(a,"x");}
char* t4(char*a){return strncat(a,"abc",2);} char*t5(char*a){return strcat(a,"abcd");} char*t6(char*a,char*b){return stpcpy(a,b);} void t6b(char*a,char*b){stpcpy(a,b);}
char* t7(char*a){return strchr(a,0);} char*t8(char*a){return strrchr(a,0);} size_t t9(char*a){return strspn(a,"")+strcspn(a,"");} char*t10(char*a){return strndup("abc",2);} char* t10b(void){return strndup("abc",9);} char*t11(char*a){return strncpy(a,"abc",9);} char*t12(char*a){return strdup(a);}
int u1(char*a,char*b){return memcmp(a,b,19)==0;} int u2(char*a,char*b){return strcmp(a,b)==0;} int u3(char*a){return strncmp(a,"ab",1);} int u3b(char*a,char*b){return strcmp(a,"abcdef")==0;} int u3c(char*a,char*b,size_t n){return memcmp(a,b,n)==0;}
void*u4(void){void*p=malloc(100);memset(p,0,100);return p;} void *u5(void){return realloc(0,9);} size_t u6(const char*a){size_t n=0;while(a[n])n++;return n;} size_t u7(const wchar_t*a){size_t n=0;while(a[n])n++;return n;}
void u8(int*a,int n){for(int i=0;i<n;i++)a[i]=0;} void u9(int*a,int*b,int n){for(int i=0;i<n;i++)a[i]=b[i];} void u10(char*restrict a,char*restrict b,int n){for(int i=0;i<n;i++)a[i]=b[i];}
void *u11(char*a){return memchr("abcdef\r\n",a[0],8);} int u12(char c){return strchr("\r\n ",c)!=0;} void*u13(char*a,size_t n){return memrchr(a,'x',n);} size_t u14(char*a,int n){return strnlen(a,n);} void*u15(char *a,char*b){return mempcpy(a,b,9);} void*u16(char*a,char*b){return memccpy(a,b,0,9);} void*u17(char*a,char*b){return strlcpy(a,"abc",9)+a;} char*u18(char*a,char*b){return stpncpy(a,b,1);}
double v1(double x){return pow(2.0,x);} double v2(double x){return pow(10.0,x);} double v3(int n){return exp2(n);} double v4(double x){return pow(x,0.5);} double v5(double x){return pow(x,0.333);} float v6(float x){return floor(x)+ceil(x)+round(x)+rint(x)+nearbyint(x)+trunc(x)+fabs(x);} float v7(float x){return sqrt(x);} float v8(float x,float y){return fmin(x,y)+fmax(x,y);} float v9(int n){return exp2f(n);} float v10(float x){return powf(2,x)+powf(10,x);} double v11(int n){return pow(2.0,n);} long double v12(long double x,int n){return powl(2,x)+exp2l(n)+powl(10,x)+powl(x,0.5L)+powl(2,n);}
double v13(double x){return cos(-x)+sin(-x)+tan(atan(x));} double v14(double _Complex z){return cabs(z);} double v15(double x){return log(exp(x))+log(pow(x,3))+log2(exp2(x));} double v16(double a,double b){return fmod(a,b)+hypot(a,b)+fdim(a,b);} float v17(float x){return (float)sin(x)+(float)cos(x)+(float)exp(x)+(float)log(x)+(float)pow(x,x)+(float)asin(x)+(float)tanh(x)+(float)cbrt(x)+(float)logb(x);} double v18(double x){double s=sin(x),c=cos(x);return s*c;} float v19(float x){float s=sinf(x),c=cosf(x);return s*c;} double v20(double x,int n){return ldexp(x,n)+scalbn(x,n)+scalbln(x,n);} double v21(double x,int*e){return frexp(x,e);} 
double v22(double a,double b){return a<b?a:b;} long v23(double x){return lround(x)+lrint(x);} double v24(double x,int n){return __builtin_powi(x,n);} double v25(double a,double b,double c){return fma(a,b,c);} 
int w1(int c){return isdigit(c)+isascii(c)+toascii(c)+abs(c)+ffs(c);} long w2(long c){return labs(c)+ffsl(c);} int w3(char*s){return atoi(s)+strtol(s,0,10);} int w4(char*a,char*b){return bcmp(a,b,9);} void w5(char*a){bzero(a,99);bcopy(a,a+1,9);} 
__int128 x1(__int128 a,__int128 b){return a*b/(b+1)%7;} double x2(__int128 a){return a;} unsigned __int128 x3(double a){return a;} float x4(unsigned __int128 a){return a;} __int128 x5(float a){return a;} int x6(unsigned long a){return __builtin_popcountl(a);} int x7(unsigned __int128 a){return __builtin_popcountg(a);} _Bool x8(__int128 a,__int128 b,__int128*r){return __builtin_mul_overflow(a,b,r);}
struct k{int a;char b;long c;short d;}; int z1(struct k*a,struct k*b){return a->a==b->a&&a->b==b->b&&a->c==b->c&&a->d==b->d;} int z2(int*a,int*b){return a[0]==b[0]&&a[1]==b[1]&&a[2]==b[2]&&a[3]==b[3]&&a[4]==b[4]&&a[5]==b[5]&&a[6]==b[6]&&a[7]==b[7]&&a[8]==b[8];}
struct big{char c[5000];}; struct big y3(struct big*a){return *a;} void y4(struct big*a,struct big*b){*a=*b;}
/* clang-format on */
