#include "textflag.h"

// func acrossSIMD(out *float32, row *byte, firsts *int32, lanes *float32, pairs, crop int)
TEXT ·acrossSIMD(SB), NOSPLIT, $0-48
	MOVQ out+0(FP), DI
	MOVQ row+8(FP), SI
	MOVQ firsts+16(FP), DX
	MOVQ lanes+24(FP), BX
	MOVQ pairs+32(FP), R8
	MOVQ crop+40(FP), CX

place:
	MOVLQSX (DX), AX
	LEAQ    (SI)(AX*4), R9 // the first pixel
	MOVQ    R8, R10
	VXORPS  Y0, Y0, Y0

pair: // two pixels are eight values
	VPMOVZXBD   (R9), Y1
	VCVTDQ2PS   Y1, Y1
	VFMADD231PS (BX), Y1, Y0
	ADDQ        $8, R9
	ADDQ        $32, BX
	DECQ        R10
	JNZ         pair

	VEXTRACTF128 $1, Y0, X1
	VADDPS       X1, X0, X0
	VMOVUPS      X0, (DI)
	ADDQ         $16, DI
	ADDQ         $4, DX
	DECQ         CX
	JNZ          place
	VZEROUPPER
	RET

// func downSIMD(red, green, blue *float32, rows **float32, weights *float32, count, crop int, norm *[6]float32)
TEXT ·downSIMD(SB), NOSPLIT, $0-64
	MOVQ red+0(FP), DI
	MOVQ green+8(FP), SI
	MOVQ blue+16(FP), DX
	MOVQ rows+24(FP), BX
	MOVQ weights+32(FP), R8
	MOVQ count+40(FP), R9
	MOVQ crop+48(FP), CX
	MOVQ norm+56(FP), AX
	VBROADCASTSS 0(AX), Y10  // the factors
	VBROADCASTSS 4(AX), Y11
	VBROADCASTSS 8(AX), Y12
	VBROADCASTSS 12(AX), Y13 // the summands
	VBROADCASTSS 16(AX), Y14
	VBROADCASTSS 20(AX), Y15
	XORQ R10, R10 // how far into each row, in bytes

eight: // pixels: four registers of two
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	XORQ   R11, R11

weigh:
	MOVQ         (BX)(R11*8), R12
	ADDQ         R10, R12
	VBROADCASTSS (R8)(R11*4), Y4
	VFMADD231PS  0(R12), Y4, Y0
	VFMADD231PS  32(R12), Y4, Y1
	VFMADD231PS  64(R12), Y4, Y2
	VFMADD231PS  96(R12), Y4, Y3
	INCQ         R11
	CMPQ         R11, R9
	JNE          weigh

	// Pixels 0 1, 2 3, 4 5, 6 7 become 0 4, 1 5, 2 6, 3 7, and then colours.
	VPERM2F128 $0x20, Y2, Y0, Y4
	VPERM2F128 $0x31, Y2, Y0, Y5
	VPERM2F128 $0x20, Y3, Y1, Y6
	VPERM2F128 $0x31, Y3, Y1, Y7
	VUNPCKLPS  Y5, Y4, Y0 // r0 r1 g0 g1
	VUNPCKHPS  Y5, Y4, Y1 // b0 b1
	VUNPCKLPS  Y7, Y6, Y2 // r2 r3 g2 g3
	VUNPCKHPS  Y7, Y6, Y3 // b2 b3
	VSHUFPS    $0x44, Y2, Y0, Y4
	VSHUFPS    $0xEE, Y2, Y0, Y5
	VSHUFPS    $0x44, Y3, Y1, Y6

	VFMADD213PS Y13, Y10, Y4
	VFMADD213PS Y14, Y11, Y5
	VFMADD213PS Y15, Y12, Y6
	VMOVUPS     Y4, (DI)
	VMOVUPS     Y5, (SI)
	VMOVUPS     Y6, (DX)
	ADDQ        $32, DI
	ADDQ        $32, SI
	ADDQ        $32, DX
	ADDQ        $128, R10
	SUBQ        $8, CX
	JNZ         eight
	VZEROUPPER
	RET
