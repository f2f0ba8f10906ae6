/* bcryptprimitives.dll for Wine 8, which has none: tests only.
 *
 * Rust's standard library takes its random numbers from ProcessPrng. Real
 * Windows exports it; here the call goes to RtlGenRandom (exported under the
 * name SystemFunction036), which Wine has.
 */

#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
    while (length > 0) {
        ULONG part = length > 0x10000000 ? 0x10000000 : (ULONG)length;
        if (!SystemFunction036(data, part))
            return FALSE;
        data += part;
        length -= part;
    }
    return TRUE;
}
