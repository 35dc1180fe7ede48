package main

import "testing"

func TestWhatRedisTellsOfItsCPUTime(t *testing.T) {
	const info = "# CPU\r\nused_cpu_sys:1.250000\r\nused_cpu_user:2.500000\r\nused_cpu_sys_children:9\r\nused_cpu_user_children:9\r\n"
	if used, err := parseInfo(info); err != nil || used != 3.75 {
		t.Errorf("got %v, %v; want 3.75", used, err)
	}
	for _, info := range []string{"", "used_cpu_user:1\r\n", "used_cpu_sys:much\r\nused_cpu_user:1\r\n"} {
		if used, err := parseInfo(info); err == nil {
			t.Errorf("%q gives %v and no error", info, used)
		}
	}
}
