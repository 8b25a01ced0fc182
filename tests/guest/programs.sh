# shellcheck shell=sh disable=all # for our shell, inside the machine
# The flags of the everyday programs, and one line for what is wrong.
mkdir /p; mkdir /p/d
echo 'one
Two
three' >/p/f; echo two >/p/d/g; echo hidden >/p/.h
echo == ls; ls /p; ls -a /p; ls -d /p; ls -R /p; ls -l /p/f
echo == cat; cat -n /p/f /p/d/g
echo == grep; grep -n t /p/f; grep -ic TWO /p/f; grep -v t /p/f; grep -rin two /p
echo == wc; wc -l /p/f; wc -w /p/f; wc -c /p/f
echo == wrong
ls /none || echo "status $?"
cat /none /p/d/g || echo "status $?"
cat /p || echo "status $?"
grep x /none || echo "status $?"
grep || echo "status $?"
wc -x || echo "status $?"
kill me || echo "status $?"
rm /p || echo "status $?"
mkdir /p || echo "status $?"
ln /none /x || echo "status $?"
sleep soon || echo "status $?"
dd bs=0 || echo "status $?"
nosuch || echo "status $?"
rm -r /p && ls / | grep -c '^p$'
